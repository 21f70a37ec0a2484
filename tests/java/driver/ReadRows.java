import com.alpha.backend.grpc.DocumentRow;
import com.alpha.backend.grpc.RecruitRow;
import com.alpha.pcworker.client.Entry;
import com.alpha.pcworker.client.Gateway;
import com.alpha.pcworker.client.GatewaySettings;
import com.alpha.pcworker.client.Row;
import com.alpha.pcworker.client.RowReader;
import com.alpha.pcworker.client.SavedState;
import com.alpha.pcworker.client.StartAt;
import com.alpha.pcworker.client.StreamSettings;
import com.alpha.pcworker.client.SubscriptionSettings;
import com.alpha.pcworker.client.SubscriptionSettings.Checkpoint;
import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;

/**
 * Reads a domain and prints a line an entry, `end` at the end, or the error's class and message. Arguments: NAME=VALUE of
 * gateway, domain; state (a file), subscription (none = plain stream), checkpoint, commit (every so many entries), limit
 * (entries, then drop dead), chunk (rows), credit (chunks), patience (s), nack (an id, whose row is nacked), deliveries (until
 * it is a dead letter), rows (entries, then end), token, token-file, authority, certificate and key (PEM files), follow,
 * standby, shard (INDEX/COUNT), where, start. Without arguments, each line of the input has those of one reading,
 * separated by tabs, and a line with a dot follows its output.
 */
public final class ReadRows {

    private static final PrintStream OUT =
            new PrintStream(new BufferedOutputStream(System.out), false, StandardCharsets.UTF_8);

    public static void main(String[] arguments) throws Exception {
        if (arguments.length > 0) {
            run(arguments);
            return;
        }
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            run(line.split("\t"));
            OUT.println(".");
            OUT.flush();
        }
    }

    private static void run(String[] arguments) throws Exception {
        Map<String, String> options = new HashMap<>();
        for (String argument : arguments) {
            String[] parts = argument.split("=", 2);
            options.put(parts[0], parts[1]);
        }
        GatewaySettings settings = GatewaySettings.of(options.get("gateway"));
        if (options.containsKey("token")) {
            settings = settings.withToken(options.get("token"));
        }
        if (options.containsKey("token-file")) {
            settings = settings.withToken(() -> content(Path.of(options.get("token-file"))));
        }
        if (options.containsKey("authority")) {
            GatewaySettings.Tls tls = GatewaySettings.Tls.trusting(Path.of(options.get("authority")));
            settings = settings.withTls(
                    options.containsKey("key")
                            ? tls.presenting(Path.of(options.get("certificate")), Path.of(options.get("key")))
                            : tls);
        }
        try (Gateway gateway = new Gateway(settings);
                RowReader reader = reader(gateway, options)) {
            read(reader, options);
            OUT.println("end");
        } catch (RuntimeException e) {
            OUT.println("error " + e.getClass().getSimpleName() + " " + e.getMessage());
        }
        OUT.flush();
    }

    private static String content(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static RowReader reader(Gateway gateway, Map<String, String> options) {
        String domain = options.get("domain");
        int chunk = number(options, "chunk", 300);
        if (!options.containsKey("subscription")) {
            return gateway.stream(StreamSettings.of(domain).withChunkRows(chunk));
        }
        SubscriptionSettings settings = SubscriptionSettings.of(domain, options.get("subscription"))
                .withChunkRows(chunk)
                .withCredit(number(options, "credit", 16), 16 << 20)
                .withCheckpoint(Checkpoint.valueOf(options.getOrDefault("checkpoint", "CLIENT")))
                .withNacks(number(options, "deliveries", 0), Duration.ofMillis(10))
                .withPatience(Duration.ofSeconds(number(options, "patience", 60)));
        if (options.containsKey("shard")) {
            String[] shard = options.get("shard").split("/");
            settings = settings.shard(Integer.parseInt(shard[0]), Integer.parseInt(shard[1]));
        }
        settings = options.containsKey("where") ? settings.where(options.get("where")) : settings;
        settings = options.containsKey("start") ? settings.startAt(new StartAt(options.get("start"))) : settings;
        settings = options.containsKey("follow") ? settings.following() : settings;
        return gateway.subscribe(options.containsKey("standby") ? settings.standingBy() : settings);
    }

    private static void read(RowReader reader, Map<String, String> options) throws Exception {
        FileState state = new FileState(options.get("state"));
        int every = number(options, "commit", 100);
        int limit = number(options, "limit", Integer.MAX_VALUE);
        reader.open(state);
        int count = 0;
        for (Entry entry = reader.read(); entry != null; entry = reader.read()) {
            OUT.println(line(entry));
            if (entry instanceof Row row && row.id().equals(options.get("nack"))) {
                reader.nack(row, "delivery %d does not fit".formatted(row.deliveryCount()));
            }
            if (++count % every == 0) {
                commit(reader, state);
            }
            if (count == limit) {
                OUT.flush();
                Runtime.getRuntime().halt(9);
            }
            if (count == number(options, "rows", Integer.MAX_VALUE)) {
                break;
            }
        }
        commit(reader, state);
    }

    private static void commit(RowReader reader, FileState state) throws Exception {
        OUT.println("commit");
        OUT.flush();
        reader.update(state);
        state.save();
        reader.committed();
    }

    private static String line(Entry entry) {
        if (!(entry instanceof Row row)) {
            return "gone %d %s".formatted(entry.position(), entry.id());
        }
        List<float[]> vectors = row.vectors();
        float[] first = vectors.get(0);
        return "row %d %s %s vectors=%d dimension=%d first=%s model=%s job=%s deliveries=%d"
                .formatted(
                        row.position(),
                        row.id(),
                        fields(row),
                        vectors.size(),
                        first.length,
                        first[0],
                        row.model(),
                        row.job(),
                        row.deliveryCount());
    }

    private static String fields(Row row) {
        if (row.message() instanceof RecruitRow recruit) {
            return "years=%s keyword=%s"
                    .formatted(
                            recruit.hasExperienceYears() ? recruit.getExperienceYears() : null,
                            recruit.hasPrimaryKeyword() ? recruit.getPrimaryKeyword() : null);
        }
        return "key=" + ((DocumentRow) row.message()).getKey();
    }

    private static int number(Map<String, String> options, String name, int otherwise) {
        return Integer.parseInt(options.getOrDefault(name, Integer.toString(otherwise)));
    }

    /** A state in a file, or nowhere. */
    private static final class FileState implements SavedState {

        private final Properties values = new Properties();
        private final Path file;

        FileState(String name) throws Exception {
            file = name == null ? null : Path.of(name);
            if (file != null && Files.exists(file)) {
                try (Reader in = Files.newBufferedReader(file)) {
                    values.load(in);
                }
            }
        }

        @Override
        public Optional<String> get(String key) {
            return Optional.ofNullable(values.getProperty(key));
        }

        @Override
        public void put(String key, String value) {
            values.setProperty(key, value);
        }

        void save() throws Exception {
            if (file != null) {
                try (Writer out = Files.newBufferedWriter(file)) {
                    values.store(out, null);
                }
            }
        }
    }
}
