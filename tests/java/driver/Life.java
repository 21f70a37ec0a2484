import com.alpha.pcworker.client.Entry;
import com.alpha.pcworker.client.Gateway;
import com.alpha.pcworker.client.GatewayException;
import com.alpha.pcworker.client.GatewaySettings;
import com.alpha.pcworker.client.ReaderListener;
import com.alpha.pcworker.client.RowReader;
import com.alpha.pcworker.client.SavedState;
import com.alpha.pcworker.client.StreamSettings;
import com.alpha.pcworker.client.SubscriptionSettings;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Readers that are closed while they work. Arguments: the gateway, a domain, then scenarios (`close-frozen:PID` suspends that
 * process meanwhile); each prints a line, its name and what came of it. A read that does not end within the limit prints `hangs`.
 */
public final class Life {

    private static final long LIMIT_S = 20;

    private final ExecutorService threads = Executors.newCachedThreadPool(task -> {
        Thread thread = new Thread(task);
        thread.setDaemon(true);
        return thread;
    });
    private final String address;
    private final String domain;
    private String pid; // of the gateway, where a scenario suspends it

    private Life(String address, String domain) {
        this.address = address;
        this.domain = domain;
    }

    public static void main(String[] arguments) throws Exception {
        Life life = new Life(arguments[0], arguments[1]);
        for (int i = 2; i < arguments.length; i++) {
            String[] parts = arguments[i].split(":");
            life.pid = parts.length > 1 ? parts[1] : null;
            System.out.println(parts[0] + " " + life.run(parts[0]));
            System.out.flush();
        }
    }

    private String run(String scenario) throws Exception {
        return switch (scenario) {
            case "slow" -> slow();
            case "close-reader", "close-away", "close-frozen" -> closedWhileWaiting(scenario, false);
            case "close-gateway" -> closedWhileWaiting(scenario, true);
            case "close-plain" -> closedPlain();
            case "successor" -> successor();
            case "close-during-token" -> closedDuringToken();
            case "standby" -> standby();
            default -> throw new IllegalArgumentException(scenario);
        };
    }

    /** All is read, the reader waits for more; another thread closes, twice at once and once again. */
    private String closedWhileWaiting(String name, boolean isGateway) throws Exception {
        Gateway gateway = new Gateway(GatewaySettings.of(address));
        CountDownLatch retries = new CountDownLatch(name.equals("close-away") ? 1 : 0);
        ReaderListener listener = new ReaderListener() {
            @Override
            public void retrying(Source source, int attempt, Duration wait, GatewayException cause) {
                retries.countDown();
            }
        };
        RowReader reader = gateway.subscribe(
                SubscriptionSettings.of(domain, name).following().withListener(listener));
        SavedState state = SavedState.inMemory();
        AutoCloseable closing = isGateway ? gateway : reader;
        CountDownLatch waits = new CountDownLatch(1);
        Future<String> read = threads.submit(() -> {
            reader.open(state);
            return how(() -> {
                for (Entry entry = reader.read(); ; entry = reader.read()) {
                    if (reader.available() == 0) {
                        reader.update(state);
                        reader.committed();
                        System.err.println(name + " committed " + entry.position());
                        waits.countDown();
                    }
                }
            });
        });
        waits.await(LIMIT_S, TimeUnit.SECONDS);
        retries.await(LIMIT_S, TimeUnit.SECONDS);
        signal("STOP");
        String result;
        try {
            Future<String> other = threads.submit(() -> how(() -> closed(closing)));
            closed(closing);
            result = "read=%s close=%s".formatted(ended(read), ended(other));
        } finally {
            signal("CONT");
        }
        closed(closing);
        result += " again=%s committed=%s".formatted(how(reader::read), how(() -> committed(reader)));
        result += isGateway ? " open=" + how(() -> opened(reader, state)) : "";
        gateway.close();
        return result;
    }

    private void signal(String name) throws Exception {
        if (pid != null) {
            new ProcessBuilder("kill", "-" + name, pid).start().waitFor();
        }
    }

    /** A consumer that is slower than it promised loses its call, and no row. */
    private String slow() throws Exception {
        AtomicInteger lost = new AtomicInteger();
        ReaderListener listener = new ReaderListener() {
            @Override
            public void lost(Source source, GatewayException cause) {
                lost.incrementAndGet();
            }
        };
        SubscriptionSettings settings = SubscriptionSettings.of(domain, "slow")
                .withChunkRows(1)
                .withCredit(1, 4 << 20)
                .withAckDeadline(Duration.ofSeconds(1))
                .withListener(listener);
        SavedState state = SavedState.inMemory();
        List<Long> positions = new ArrayList<>();
        try (Gateway gateway = new Gateway(GatewaySettings.of(address));
                RowReader reader = gateway.subscribe(settings)) {
            reader.open(state);
            for (Entry entry = reader.read(); entry != null; entry = reader.read()) {
                if (positions.isEmpty()) {
                    Thread.sleep(3000);
                }
                positions.add(entry.position());
                reader.update(state);
                reader.committed();
            }
        }
        boolean isOrdered = positions.stream().sorted().distinct().toList().equals(positions);
        return "entries=%d ordered=%s lost=%d".formatted(positions.size(), isOrdered, lost.get());
    }

    private String closedPlain() throws Exception {
        Gateway gateway = new Gateway(GatewaySettings.of(address));
        RowReader reader = gateway.stream(StreamSettings.of(domain).withChunkRows(1));
        reader.open(SavedState.inMemory());
        reader.read();
        reader.close();
        reader.close();
        String result = "again=%s".formatted(how(reader::read));
        reader.open(SavedState.inMemory());
        result += " reopened=" + how(reader::read);
        gateway.close();
        return result + " gone=" + how(reader::read);
    }

    /** A reader is closed while it waits; its successor must stay in possession. */
    private String successor() throws Exception {
        try (Gateway gateway = new Gateway(GatewaySettings.of(address))) {
            SubscriptionSettings settings = SubscriptionSettings.of(domain, "successor").following();
            RowReader first = gateway.subscribe(settings);
            Future<String> read = waiting(first);
            first.close();
            ended(read);
            RowReader second = gateway.subscribe(settings.standingBy());
            Future<String> next = waiting(second);
            boolean isUndisturbed = !next.isDone();
            second.close();
            return "undisturbed=%s read=%s".formatted(isUndisturbed, ended(next));
        }
    }

    /** A reader is closed while it asks for its token: close() must not wait for that, and no call may follow. */
    private String closedDuringToken() throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        CountDownLatch answer = new CountDownLatch(1);
        try (Gateway gateway = new Gateway(GatewaySettings.of(address).withToken(() -> {
            asked.countDown();
            awaitQuietly(answer);
            return "token";
        }))) {
            RowReader reader = gateway.subscribe(SubscriptionSettings.of(domain, "token"));
            reader.open(SavedState.inMemory());
            Future<String> read = threads.submit(() -> how(reader::read));
            asked.await(LIMIT_S, TimeUnit.SECONDS);
            String close = ended(threads.submit(() -> how(() -> closed(reader))));
            answer.countDown();
            return "close=%s read=%s".formatted(close, ended(read));
        }
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await(2 * LIMIT_S, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** A standby whose patience is shorter than its holder's life. */
    private String standby() throws Exception {
        try (Gateway gateway = new Gateway(GatewaySettings.of(address))) {
            SubscriptionSettings settings = SubscriptionSettings.of(domain, "standby").following();
            RowReader holder = gateway.subscribe(settings);
            waiting(holder);
            RowReader standby = gateway.subscribe(
                    settings.standingBy().withPatience(java.time.Duration.ofMillis(300)));
            standby.open(SavedState.inMemory());
            Future<String> read = threads.submit(() -> how(standby::read));
            String meanwhile = "waits";
            try {
                meanwhile = read.get(3, TimeUnit.SECONDS);
            } catch (TimeoutException e) {
                // as it should
            }
            holder.close();
            return "meanwhile=%s then=%s".formatted(meanwhile, ended(read));
        }
    }

    /** Opens, reads all there is and goes on in another thread; returns once it waits for more. */
    private Future<String> waiting(RowReader reader) throws Exception {
        CountDownLatch waits = new CountDownLatch(1);
        reader.open(SavedState.inMemory());
        Future<String> read = threads.submit(() -> how(() -> {
            while (true) {
                reader.read();
                if (reader.available() == 0) {
                    reader.update(SavedState.inMemory());
                    reader.committed();
                    waits.countDown();
                }
            }
        }));
        waits.await(LIMIT_S, TimeUnit.SECONDS);
        return read;
    }

    private static Object closed(AutoCloseable closing) throws Exception {
        closing.close();
        return "closed";
    }

    private static Object committed(RowReader reader) {
        reader.committed();
        return "committed";
    }

    private static Object opened(RowReader reader, SavedState state) {
        reader.open(state);
        return "opened";
    }

    /** Returns the class of what was thrown, or `entry`, `null` or the text that came. */
    private static String how(Callable<Object> action) throws Exception {
        try {
            Object result = action.call();
            return result instanceof Entry ? "entry" : String.valueOf(result);
        } catch (GatewayException | IllegalStateException e) {
            return e.getClass().getSimpleName();
        }
    }

    private static String ended(Future<String> future) throws Exception {
        try {
            return future.get(LIMIT_S, TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            return "hangs";
        }
    }
}
