package tradewarden.peer;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * StrategyGuard's three rules with their default thresholds, and what it decides on trades after a halt. It takes every
 * trade that comes: no ids, no dead letters, no trades that are too old, no evidence beyond the numbers compared.
 */
final class Guard implements Processor<String, Trade, String, String> {
    static final String STORE = "strategies";

    private static final BigDecimal MAX_DAILY_LOSS_PCT = BigDecimal.valueOf(-10);
    private static final int MAX_CONSECUTIVE_LOSSES = 10;
    private static final int MIN_WIN_RATE_PCT = 30;

    private ProcessorContext<String, String> context;
    private KeyValueStore<String, Strategy> strategies;

    @Override
    public void init(ProcessorContext<String, String> context) {
        this.context = context;
        this.strategies = context.getStateStore(STORE);
    }

    @Override
    public void process(Record<String, Trade> record) {
        Trade trade = record.value();
        Strategy known = strategies.get(trade.strategy());
        Strategy strategy = known == null ? new Strategy() : known;
        if (strategy.isHalted()) {
            if (afterHalt(strategy, trade, record.timestamp())) {
                strategies.put(trade.strategy(), strategy);
            }
            return;
        }
        strategy.count(trade);
        List<String> breached = breached(strategy, trade);
        if (!breached.isEmpty()) {
            strategy.haltedAt = trade.closedAt();
            String rules = String.join(",", breached);
            decide(trade, record.timestamp(), "StrategyDisabled", "\"rules\":[" + rules + "],\"from\":\"ACTIVE\",\"to\":\"HALTED\"");
            decide(trade, record.timestamp(), "AlertRaised", "\"severity\":\"critical\",\"message\":\"" + trade.strategy() + " halted\"");
        }
        strategies.put(trade.strategy(), strategy);
    }

    private static List<String> breached(Strategy strategy, Trade trade) {
        List<String> breached = new ArrayList<>(0);
        BigDecimal day = strategy.days.get(trade.day());
        if (day.compareTo(MAX_DAILY_LOSS_PCT) < 0) {
            breached.add("{\"rule\":\"daily_loss\",\"value\":" + day + ",\"threshold\":" + MAX_DAILY_LOSS_PCT + "}");
        }
        if (strategy.losses > MAX_CONSECUTIVE_LOSSES) {
            breached.add("{\"rule\":\"consecutive_losses\",\"value\":" + strategy.losses + ",\"threshold\":"
                    + MAX_CONSECUTIVE_LOSSES + "}");
        }
        int won = Integer.bitCount(strategy.won);
        if (strategy.outcomes == Strategy.WINDOW && won * 100 < MIN_WIN_RATE_PCT * Strategy.WINDOW) {
            breached.add("{\"rule\":\"win_rate\",\"value\":" + won * 100 / Strategy.WINDOW + ",\"threshold\":"
                    + MIN_WIN_RATE_PCT + "}");
        }
        return breached;
    }

    /** The first trade after the halt, and the first that was opened after it; answers whether one was told. */
    private boolean afterHalt(Strategy strategy, Trade trade, long timestamp) {
        boolean first = !strategy.toldAfterHalt;
        boolean contradicts = !strategy.contradicted && trade.openedAt().compareTo(strategy.haltedAt) > 0;
        if (first) {
            strategy.toldAfterHalt = true;
            decide(trade, timestamp, "TradeAfterHalt", "\"opened_at\":\"" + trade.openedAt() + "\"");
        }
        if (contradicts) {
            strategy.contradicted = true;
            decide(trade, timestamp, "AlertRaised", "\"severity\":\"critical\",\"message\":\"" + trade.strategy()
                    + " is HALTED since " + strategy.haltedAt + "\"");
        }
        return first || contradicts;
    }

    private void decide(Trade trade, long timestamp, String type, String more) {
        String decision = "{\"type\":\"" + type + "\",\"strategy\":\"" + trade.strategy() + "\",\"trade_id\":\"" + trade.tradeId()
                + "\",\"time\":\"" + trade.closedAt() + "\"," + more + "}";
        context.forward(new Record<>(trade.strategy(), decision, timestamp));
    }
}
