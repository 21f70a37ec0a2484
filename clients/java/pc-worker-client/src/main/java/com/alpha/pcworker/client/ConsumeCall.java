package com.alpha.pcworker.client;

import com.alpha.backend.grpc.ConsumeAck;
import com.alpha.backend.grpc.ConsumeChunk;
import com.alpha.backend.grpc.ConsumeCredit;
import com.alpha.backend.grpc.ConsumeNack;
import com.alpha.backend.grpc.ConsumeNacks;
import com.alpha.backend.grpc.ConsumeOpen;
import com.alpha.backend.grpc.ConsumeOpened;
import com.alpha.backend.grpc.ConsumeProgress;
import com.alpha.backend.grpc.ConsumeRequest;
import com.alpha.backend.grpc.ConsumeResponse;
import com.alpha.backend.grpc.ConsumeShard;
import com.alpha.backend.grpc.EmbeddingStreamServiceGrpc;
import com.alpha.pcworker.client.BlockingCall.Event;
import io.grpc.Metadata;
import java.time.Duration;
import java.util.Collection;
import java.util.function.Consumer;

/** One {@code Consume} call, from its opening to its end: messages in, credit and acknowledgements out. */
final class ConsumeCall implements AutoCloseable {

    // Space for messages that need no credit: heartbeats, progress, ends of log.
    private static final int MESSAGES_BESIDE_CHUNKS = 8;
    private static final Duration UNTIL_OPENED = Duration.ofSeconds(30);
    private static final Duration UNTIL_ENDED = Duration.ofSeconds(2);
    // This many consecutive heartbeats are missing: the gateway is suspended, or the connection is lost.
    private static final int SILENT_HEARTBEATS = 3;

    private final BlockingCall<ConsumeRequest, ConsumeResponse> call;
    private final Gateway gateway;
    private final CallLedger ledger;
    private Duration silence = UNTIL_OPENED;
    private boolean isOpened;
    private int maxDeliveries;
    private long committed;
    private long acked;

    /** Open the subscription where {@code start} says, or where the gateway has it. */
    ConsumeCall(Gateway gateway, SubscriptionSettings settings, Metadata headers, Consumer<ConsumeOpen.Builder> start) {
        this.gateway = gateway;
        ledger = new CallLedger(settings.creditChunks(), settings.creditBytes());
        call = gateway.call(
                EmbeddingStreamServiceGrpc.getConsumeMethod(),
                headers,
                settings.creditChunks() + MESSAGES_BESIDE_CHUNKS);
        ConsumeOpen.Builder open = ConsumeOpen.newBuilder()
                .setDomain(settings.domain())
                .setSubscription(settings.name())
                .setChunkRows(settings.chunkRows())
                .setCredit(ConsumeCredit.newBuilder()
                        .setChunks(settings.creditChunks())
                        .setBytes(settings.creditBytes()))
                .setRefuseIfHeld(!settings.takeOver())
                .setAckDeadlineS((int) settings.ackDeadline().toSeconds());
        open.setNacks(ConsumeNacks.newBuilder()
                .setMaxDeliveries(settings.maxDeliveries())
                .setFirstDelayMs((int) settings.firstDelay().toMillis()));
        if (settings.shard().count() > 1) {
            open.setShard(ConsumeShard.newBuilder()
                    .setIndex(settings.shard().index())
                    .setCount(settings.shard().count()));
        }
        open.addAllWhere(settings.where());
        start.accept(open);
        call.send(ConsumeRequest.newBuilder().setOpen(open).build());
    }

    /** Waits for the next message and returns it. */
    ConsumeResponse next() throws InterruptedException {
        Event<ConsumeResponse> event = call.next(silence);
        if (event == null) {
            throw new GatewayUnavailableException(
                    "nothing has come for " + silence.toSeconds() + " s", null);
        }
        if (!event.isEnd()) {
            return event.message();
        }
        if (event.status().isOk()) {
            throw new GatewayUnavailableException("the gateway ended a call that only the client may end", null);
        }
        throw Statuses.exception(event, gateway.wasConnected());
    }

    /** Records the answer to the opening; {@code before} is what was committed in earlier calls. */
    void opened(ConsumeOpened opened, long before) {
        ledger.opened(opened.getPosition());
        acked = opened.getPosition();
        committed = before;
        isOpened = true;
        maxDeliveries = opened.getMaxDeliveries();
        silence = Duration.ofSeconds((long) SILENT_HEARTBEATS * opened.getHeartbeatS());
    }

    /** Records a chunk; if {@code isKnown}, the caller has all of it from an earlier call, and it needs no space. */
    void chunk(ConsumeResponse response, boolean isKnown) {
        ConsumeChunk chunk = response.getChunk();
        ledger.chunk(chunk, response.getSerializedSize());
        if (isKnown) {
            grant(ledger.settle(chunk.getPosition()));
        }
        settle();
    }

    /** Records that the gateway has passed over other rows. */
    void progress(ConsumeProgress progress) {
        ledger.progress(progress);
        settle();
    }

    boolean isOpened() {
        return isOpened;
    }

    /** Records a redelivered row. */
    void redelivered(ConsumeResponse response) {
        long position = response.getRedelivered().getRows().getPositions(0);
        ledger.redelivered(position, response.getSerializedSize());
    }

    /** Acknowledges that these rows, redelivered in this or an earlier call, are stored. */
    void stored(Collection<Long> redelivered) {
        call.send(ConsumeRequest.newBuilder()
                .setAck(ConsumeAck.newBuilder().setPosition(acked).addAllRedelivered(redelivered))
                .build());
        grant(ledger.answered(redelivered));
    }

    /** Sends a nack if the gateway takes it now: if this call has come to its position. Returns whether it was sent. */
    boolean nack(long position, String reason) {
        if (!isOpened || ledger.received() < position) {
            return false;
        }
        if (maxDeliveries == 0) {
            throw new UnsupportedOperationException("this gateway is older than nack");
        }
        call.send(ConsumeRequest.newBuilder()
                .setNack(ConsumeNack.newBuilder().setPosition(position).setReason(reason))
                .build());
        return true;
    }

    /** Returns the credit of rows whose nack is stored. */
    void nacked(Collection<Long> positions) {
        grant(ledger.answered(positions));
    }

    /** Records an end of the log. */
    void endOfLog(ConsumeResponse response) {
        ledger.endOfLog(response.getEndOfLog());
        settle();
    }

    /** Acknowledges that everything up to this position is stored, and returns the credit. */
    void commit(long position) {
        committed = position;
        settle();
    }

    /** Whether the gateway can send a chunk of this many bytes before {@link #commit} is called. */
    boolean hasRoom(long bytes) {
        return ledger.hasRoom(bytes);
    }

    /** End the call in good order, so that the last acknowledgement counts; {@link #next} does not wait any more. */
    void finish() throws InterruptedException {
        call.leave(UNTIL_ENDED);
    }

    @Override
    public void close() {
        call.close();
    }

    // After a reconnect, more may be committed than this call has sent yet: that much must not be acknowledged.
    private void settle() {
        long position = Math.min(committed, ledger.received());
        if (position > acked) {
            acked = position;
            call.send(ConsumeRequest.newBuilder()
                    .setAck(ConsumeAck.newBuilder().setPosition(position))
                    .build());
        }
        grant(ledger.settle(position));
    }

    private void grant(ConsumeCredit credit) {
        if (credit.getChunks() > 0) {
            call.send(ConsumeRequest.newBuilder().setCredit(credit).build());
        }
    }
}
