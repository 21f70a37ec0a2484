import com.alpha.pcworker.client.Entry;
import com.alpha.pcworker.client.FencedException;
import com.alpha.pcworker.client.Gateway;
import com.alpha.pcworker.client.GatewayException;
import com.alpha.pcworker.client.GatewaySettings;
import com.alpha.pcworker.client.GatewaySettings.Tls;
import com.alpha.pcworker.client.LogChange;
import com.alpha.pcworker.client.ReaderListener;
import com.alpha.pcworker.client.Row;
import com.alpha.pcworker.client.RowReader;
import com.alpha.pcworker.client.SavedState;
import com.alpha.pcworker.client.SubscriptionSettings;
import com.alpha.pcworker.client.SubscriptionSettings.Checkpoint;
import com.alpha.pcworker.client.SubscriptionSettings.OnLogChange;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Reaches gateways in many ways, in one JVM. Each argument is a case: a label, then NAME=VALUE, all separated by blanks; each
 * prints `LABEL`, a tab, how it ended, a tab, and the events that the listener was called for.
 */
public final class Reach {

    private final Map<String, String> options = new HashMap<>();
    private final List<String> events = new ArrayList<>();
    private final AtomicInteger used = new AtomicInteger();
    private final ExecutorService executor = Executors.newCachedThreadPool();

    public static void main(String[] arguments) throws Exception {
        for (String argument : arguments) {
            Reach reach = new Reach();
            String[] words = argument.split(" ");
            for (int i = 1; i < words.length; i++) {
                String[] parts = words[i].split("=", 2);
                reach.options.put(parts[0], parts[1]);
            }
            System.out.println(words[0] + "\t" + reach.outcome() + "\t" + String.join(" ", reach.events));
            System.out.flush();
            reach.executor.shutdownNow();
        }
    }

    private String outcome() throws Exception {
        try {
            return read(settings());
        } catch (GatewayException | IllegalArgumentException e) {
            return e.getClass().getSimpleName() + " " + e.getMessage();
        }
    }

    private GatewaySettings settings() throws Exception {
        GatewaySettings settings = GatewaySettings.of(options.get("gateway"));
        if (options.containsKey("defaults")) {
            trustByDefault(Path.of(options.get("defaults")));
            settings = settings.withTls(Tls.trustingDefaults());
        }
        if (options.containsKey("trust")) {
            settings = settings.withTls(Tls.trusting(Path.of(options.get("trust"))));
        }
        if (options.containsKey("authority")) {
            settings = settings.withAuthority(options.get("authority"));
        }
        if (options.containsKey("token")) {
            settings = settings.withToken(options.get("token").replace("\\n", "\n"));
        }
        if (options.containsKey("tokens")) {
            String[] tokens = options.get("tokens").split(",");
            AtomicInteger call = new AtomicInteger();
            settings = settings.withToken(() -> tokens[call.getAndIncrement()].replace("\\n", "\n"));
        }
        return transport(settings);
    }

    private GatewaySettings transport(GatewaySettings settings) throws Exception {
        return switch (options.getOrDefault("transport", "")) {
            case "interceptor" -> settings.withInterceptors(counting());
            case "executor" -> settings.withExecutor(task -> {
                used.incrementAndGet();
                executor.execute(task);
            });
            case "customiser" -> settings.withChannelCustomiser(builder -> builder.intercept(counting()));
            case "own" -> settings.withChannel(
                            Grpc.newChannelBuilder(options.get("gateway"), InsecureChannelCredentials.create())
                                    .build())
                    .withInterceptors(counting());
            case "in-process" -> {
                InProcessServerBuilder.forName("nothing").build().start();
                yield settings.withChannel(
                        InProcessChannelBuilder.forName("nothing").build());
            }
            default -> settings;
        };
    }

    private String read(GatewaySettings settings) throws Exception {
        SavedState state = SavedState.inMemory();
        String prefix = "pcw.%s.%s.".formatted(domain(), "reach");
        if (options.containsKey("position")) {
            state.put(prefix + "position", options.get("position"));
        }
        if (options.containsKey("epoch")) {
            state.put(prefix + "epoch", options.get("epoch"));
        }
        int rows = 0;
        int live = 0; // without tombstones
        String epoch = "";
        try (Gateway gateway = new Gateway(settings);
                RowReader reader = gateway.subscribe(subscription())) {
            reader.open(state);
            for (Entry entry = reader.read(); entry != null; entry = reader.read()) {
                rows++;
                if (entry instanceof Row row) {
                    live++;
                    epoch = row.epoch();
                }
                reader.update(state);
                reader.committed();
            }
            reader.update(state);
            reader.committed();
        }
        boolean isOwnOpen = settings.transport().channel().isPresent()
                && !((ManagedChannel) settings.transport().channel().get()).isShutdown();
        return "end rows=%d live=%d used=%s own=%s row-epoch=%s position=%s"
                .formatted(
                        rows, live, used.get() > 0, isOwnOpen, epoch, state.get(prefix + "position").orElse("none"));
    }

    private SubscriptionSettings subscription() {
        SubscriptionSettings settings = SubscriptionSettings.of(domain(), "reach")
                .withListener(listener())
                .withPatience(Duration.ofSeconds(Integer.parseInt(options.getOrDefault("patience", "300"))))
                .withCheckpoint(Checkpoint.valueOf(options.getOrDefault("checkpoint", "CLIENT")))
                .withOnLogChange(OnLogChange.valueOf(options.getOrDefault("policy", "RESTART")));
        return options.containsKey("await") ? settings.awaitingGateway() : settings;
    }

    private String domain() {
        return options.getOrDefault("domain", "recruit");
    }

    private ReaderListener listener() {
        return new ReaderListener() {
            @Override
            public void connected(Source source, long position) {
                events.add("connected:" + position);
            }

            @Override
            public void lost(Source source, GatewayException cause) {
                events.add("lost");
                throw new IllegalStateException("a listener that fails");
            }

            @Override
            public void retrying(Source source, int attempt, Duration wait, GatewayException cause) {
                events.add("retry:" + attempt);
            }

            @Override
            public void fenced(Source source, FencedException cause) {
                events.add("fenced");
            }

            @Override
            public void logChanged(Source source, LogChange change) {
                events.add("changed:" + change.position() + ":" + change.isRestored());
            }
        };
    }

    private ClientInterceptor counting() {
        return new ClientInterceptor() {
            @Override
            public <Q, R> ClientCall<Q, R> interceptCall(MethodDescriptor<Q, R> method, CallOptions how, Channel next) {
                used.incrementAndGet();
                return next.newCall(method, how);
            }
        };
    }

    private static void trustByDefault(Path authority) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        try (FileInputStream in = new FileInputStream(authority.toFile())) {
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        Path file = Files.createTempFile("trust", ".p12");
        try (FileOutputStream out = new FileOutputStream(file.toFile())) {
            store.store(out, "changeit".toCharArray());
        }
        file.toFile().deleteOnExit();
        System.setProperty("javax.net.ssl.trustStore", file.toString());
        System.setProperty("javax.net.ssl.trustStorePassword", "changeit");
    }
}
