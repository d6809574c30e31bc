package tradewarden.peer;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.TreeMap;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serializer;

/** What the guard remembers of a strategy. */
final class Strategy {
    /** Outcomes that the win rate looks at. */
    static final int WINDOW = 20;
    /** Days that can still be judged. */
    private static final int DAYS = 8;

    /** When it was halted; empty while it is not. */
    String haltedAt = "";
    boolean toldAfterHalt;
    boolean contradicted;
    /** Lost trades in a row. */
    int losses;
    /** How many outcomes there are, and which of the last were won, the newest in the lowest bit. */
    int outcomes;
    int won;
    /** Percents by day. */
    final TreeMap<String, BigDecimal> days = new TreeMap<>();

    boolean isHalted() {
        return !haltedAt.isEmpty();
    }

    void count(Trade trade) {
        losses = trade.profit().signum() < 0 ? losses + 1 : 0;
        outcomes = Math.min(outcomes + 1, WINDOW);
        won = ((won << 1) | (trade.profit().signum() > 0 ? 1 : 0)) & ((1 << WINDOW) - 1);
        days.merge(trade.day(), trade.profitPct(), BigDecimal::add);
        if (days.size() > DAYS) {
            days.pollFirstEntry();
        }
    }

    /** As a few bytes. */
    static final class Format implements Serde<Strategy>, Serializer<Strategy>, Deserializer<Strategy> {
        @Override
        public Serializer<Strategy> serializer() {
            return this;
        }

        @Override
        public Deserializer<Strategy> deserializer() {
            return this;
        }

        @Override
        public byte[] serialize(String topic, Strategy strategy) {
            if (strategy == null) {
                return null;
            }
            var bytes = new ByteArrayOutputStream(256);
            try (var out = new DataOutputStream(bytes)) {
                out.writeUTF(strategy.haltedAt);
                out.writeBoolean(strategy.toldAfterHalt);
                out.writeBoolean(strategy.contradicted);
                out.writeInt(strategy.losses);
                out.writeInt(strategy.outcomes);
                out.writeInt(strategy.won);
                for (var day : strategy.days.entrySet()) {
                    byte[] digits = day.getValue().unscaledValue().toByteArray();
                    out.writeUTF(day.getKey());
                    out.writeByte(day.getValue().scale());
                    out.writeByte(digits.length);
                    out.write(digits);
                }
            } catch (IOException e) {
                throw new SerializationException(e);
            }
            return bytes.toByteArray();
        }

        @Override
        public Strategy deserialize(String topic, byte[] bytes) {
            if (bytes == null) {
                return null;
            }
            var strategy = new Strategy();
            try (var in = new DataInputStream(new ByteArrayInputStream(bytes))) {
                strategy.haltedAt = in.readUTF();
                strategy.toldAfterHalt = in.readBoolean();
                strategy.contradicted = in.readBoolean();
                strategy.losses = in.readInt();
                strategy.outcomes = in.readInt();
                strategy.won = in.readInt();
                while (in.available() > 0) {
                    String day = in.readUTF();
                    int scale = in.readByte();
                    byte[] digits = in.readNBytes(in.readByte());
                    strategy.days.put(day, new BigDecimal(new BigInteger(digits), scale));
                }
            } catch (IOException e) {
                throw new SerializationException(e);
            }
            return strategy;
        }

        @Override
        public void close() {}

        @Override
        public void configure(java.util.Map<String, ?> configs, boolean isKey) {}
    }
}
