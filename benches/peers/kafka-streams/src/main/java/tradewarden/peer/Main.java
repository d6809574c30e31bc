package tradewarden.peer;

import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.state.Stores;

/** Trades in, decisions out, each exactly once: {@code Main SERVERS TRADES DECISIONS APPLICATION STATE_DIR COMMIT_MS THREADS}. */
public final class Main {
    private Main() {}

    public static void main(String[] args) throws InterruptedException {
        KafkaStreams streams = new KafkaStreams(topology(args[1], args[2]), settings(args));
        CountDownLatch ended = new CountDownLatch(1);
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.ERROR || now == KafkaStreams.State.NOT_RUNNING) {
                ended.countDown();
            }
        });
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
        ended.await();
    }

    /**
     * The store is what its documentation recommends for most cases: persistent (RocksDB) with a changelog, and cached,
     * as the store of an aggregation is unless one says otherwise.
     */
    private static Topology topology(String trades, String decisions) {
        var store = Stores.keyValueStoreBuilder(
                Stores.persistentKeyValueStore(Guard.STORE), Serdes.String(), new Strategy.Format());
        return new Topology()
                .addSource("trades", Serdes.String().deserializer(), new Trade.Format(), trades)
                .addProcessor("guard", Guard::new, "trades")
                .addStateStore(store.withCachingEnabled(), "guard")
                .addSink("decisions", decisions, Serdes.String().serializer(), Serdes.String().serializer(), "guard");
    }

    private static Properties settings(String[] args) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, args[3]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, args[4]);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, args[5]);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, args[6]);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        // After SIGKILL the group waits for so long; the default is 45 s.
        settings.put(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, 10_000);
        return settings;
    }
}
