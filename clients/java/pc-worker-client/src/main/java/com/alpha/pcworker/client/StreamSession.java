package com.alpha.pcworker.client;

import com.alpha.backend.grpc.EmbeddingStreamServiceGrpc;
import com.alpha.backend.grpc.RowChunk;
import com.alpha.backend.grpc.StreamEmbeddingRequest;
import com.alpha.pcworker.client.BlockingCall.Event;
import io.grpc.Metadata;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Queue;

/**
 * Reads what is in a log at its opening, over the plain {@code StreamEmbedding}: no subscription, no tombstones, no
 * reconnect. Its end is verified: unless the trailers confirm every row, {@link #read} throws instead of returning null.
 */
final class StreamSession implements Session {

    private static final Metadata.Key<String> ROWS = Metadata.Key.of("pcw-rows", Metadata.ASCII_STRING_MARSHALLER);
    private static final Metadata.Key<String> LAST_POSITION =
            Metadata.Key.of("pcw-last-position", Metadata.ASCII_STRING_MARSHALLER);
    // One chunk is read while the next is in flight; the rest waits in the gateway.
    private static final int CHUNKS_AHEAD = 2;
    // The channel's keepalive finds a dead gateway and ends the call: this is only how often the wait is renewed.
    private static final Duration LONG = Duration.ofHours(1);

    private final Gateway gateway;
    private final StreamSettings settings;
    private final String key;
    private final Closing closing = new Closing();
    private final Queue<Row> rows = new ArrayDeque<>();
    private final BlockingCall<StreamEmbeddingRequest, RowChunk> call;

    private boolean hasFailed;
    private boolean isComplete;
    private long received;
    private long lastReceived;
    private long lastGiven;

    StreamSession(Gateway gateway, StreamSettings settings, SavedState state) {
        this.gateway = gateway;
        this.settings = settings;
        this.key = "pcw." + settings.domain() + ".position";
        long after = state.get(key).map(Long::parseLong).orElse(0L);
        lastReceived = after;
        lastGiven = after;
        call = gateway.call(EmbeddingStreamServiceGrpc.getStreamEmbeddingMethod(), gateway.headers(), CHUNKS_AHEAD);
        call.send(StreamEmbeddingRequest.newBuilder()
                .setDomain(settings.domain())
                .setChunkSize(settings.chunkRows())
                .setAfterPosition(after)
                .build());
        call.halfClose();
    }

    @Override
    public Entry read() throws InterruptedException {
        closing.requireOpen();
        if (hasFailed) {
            throw new IllegalStateException("the reader is not open: it failed");
        }
        try {
            while (rows.isEmpty() && !isComplete) {
                receive();
            }
        } catch (GatewayException e) {
            closing.requireOpen(); // the end of a closed call is no failure
            fail();
            throw e.at(gateway.address());
        }
        Row row = rows.poll();
        if (row != null) {
            lastGiven = row.position();
        }
        return row;
    }

    @Override
    public int available() {
        return closing.isClosed() ? 0 : rows.size();
    }

    @Override
    public void nack(Row row, String reason) {
        throw new UnsupportedOperationException("a plain stream has no nack: use a subscription");
    }

    @Override
    public void update(SavedState state) {
        state.put(key, Long.toString(lastGiven));
    }

    @Override
    public void committed() {
        closing.requireOpen(); // the gateway keeps nothing about plain streams: the caller's state is all there is
    }

    @Override
    public void close() {
        if (closing.close("the reader was closed")) {
            call.close();
        }
    }

    @Override
    public void abort() {
        if (closing.close("the gateway was closed")) {
            call.close();
        }
    }

    // A later read must not skip what was lost.
    private void fail() {
        hasFailed = true;
        rows.clear();
        call.close();
    }

    private void receive() throws InterruptedException {
        Event<RowChunk> event = call.next(LONG);
        closing.requireOpen();
        if (event == null) {
            return;
        }
        if (event.isEnd()) {
            finish(event);
            isComplete = true;
            return;
        }
        for (Row row : Chunks.rows(event.message())) {
            if (row.position() <= lastReceived) {
                throw new ContractBrokenException(
                        "position %d came after %d".formatted(row.position(), lastReceived));
            }
            rows.add(row);
            received++;
            lastReceived = row.position();
        }
    }

    private void finish(Event<RowChunk> end) {
        if (!end.status().isOk()) {
            throw Statuses.exception(end, gateway.wasConnected());
        }
        String promised = "%s rows up to position %s"
                .formatted(end.trailers().get(ROWS), end.trailers().get(LAST_POSITION));
        String got = "%d rows up to position %d".formatted(received, lastReceived);
        if (!promised.equals(got)) {
            throw new TruncatedStreamException(
                    "the stream of %s ended after %s, but its trailers say %s: open again from the saved state"
                            .formatted(settings.domain(), got, promised));
        }
    }
}
