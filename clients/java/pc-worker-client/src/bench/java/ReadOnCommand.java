import com.alpha.pcworker.client.Entry;
import com.alpha.pcworker.client.Gateway;
import com.alpha.pcworker.client.GatewaySettings;
import com.alpha.pcworker.client.RowReader;
import com.alpha.pcworker.client.SavedState;
import com.alpha.pcworker.client.StreamSettings;
import com.alpha.pcworker.client.SubscriptionSettings;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/**
 * Reads on request, for measurements: commands on standard input, one answer each on standard output.
 *
 * <p>{@code open stream|consume GATEWAY DOMAIN} connects; {@code read ROWS} reads that many entries, fewer at the log's end,
 * and answers {@code ENTRIES NANOSECONDS LAST_POSITION}; {@code close} ends the connection. Between two reads it takes
 * nothing and acknowledges nothing. Positions that do not rise end the program.
 */
public final class ReadOnCommand {

    // Longer than any stall that is measured: a reader that takes nothing keeps its call.
    private static final Duration DEADLINE = Duration.ofHours(1);

    private final SavedState state = SavedState.inMemory();
    private final Gateway gateway;
    private final RowReader reader;
    private long position;

    private ReadOnCommand(String kind, String address, String domain) {
        gateway = new Gateway(GatewaySettings.of(address));
        reader = switch (kind) {
            case "stream" -> gateway.stream(StreamSettings.of(domain));
            case "consume" -> gateway.subscribe(
                    SubscriptionSettings.of(domain, "measured").withAckDeadline(DEADLINE).following());
            default -> throw new IllegalArgumentException("there is no kind " + kind);
        };
        reader.open(state);
    }

    public static void main(String[] arguments) throws IOException, InterruptedException {
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        ReadOnCommand open = null;
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            String[] words = line.split(" ");
            switch (words[0]) {
                case "open" -> {
                    open = new ReadOnCommand(words[1], words[2], words[3]);
                    answer("open");
                }
                case "read" -> answer(open.read(Long.parseLong(words[1])));
                case "close" -> {
                    open.close();
                    answer("closed");
                }
                default -> throw new IllegalArgumentException("there is no command " + line);
            }
        }
    }

    private static void answer(String text) {
        System.out.println(text);
        System.out.flush();
    }

    private String read(long wanted) throws InterruptedException {
        long began = System.nanoTime();
        long count = 0;
        while (count < wanted) {
            Entry entry = reader.read();
            if (entry == null) {
                break;
            }
            if (entry.position() <= position) {
                throw new IllegalStateException("after position %d came %d".formatted(position, entry.position()));
            }
            position = entry.position();
            count++;
            if (reader.available() == 0) {
                reader.update(state);
                reader.committed();
            }
        }
        return "%d %d %d".formatted(count, System.nanoTime() - began, position);
    }

    private void close() {
        reader.close();
        gateway.close();
    }
}
