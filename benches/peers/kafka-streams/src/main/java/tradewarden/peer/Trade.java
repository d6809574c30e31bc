package tradewarden.peer;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.IOException;
import java.math.BigDecimal;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Deserializer;

/** Of a closed trade what the rules need; the rest is neither kept nor checked. Times are RFC 3339 in UTC, as text. */
@JsonIgnoreProperties(ignoreUnknown = true)
record Trade(
        @JsonProperty("trade_id") String tradeId,
        @JsonProperty("strategy") String strategy,
        @JsonProperty("profit") BigDecimal profit,
        @JsonProperty("profit_pct") BigDecimal profitPct,
        @JsonProperty("opened_at") String openedAt,
        @JsonProperty("closed_at") String closedAt) {

    /** The UTC day of its close. */
    String day() {
        return closedAt.substring(0, 10);
    }

    /** From JSON. */
    static final class Format implements Deserializer<Trade> {
        private final ObjectReader reader = new ObjectMapper().readerFor(Trade.class);

        @Override
        public Trade deserialize(String topic, byte[] bytes) {
            try {
                return reader.readValue(bytes);
            } catch (IOException e) {
                throw new SerializationException(e);
            }
        }
    }
}
