package com.alpha.pcworker.client;

import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * One streaming call, read by waiting: what comes next is a message or the end with its status and trailers.
 *
 * <p>grpc-java's own blocking iterator neither returns the trailers nor can be closed. Flow control is by hand: never more
 * than {@code ahead} messages are asked for that have not been taken.
 */
final class BlockingCall<Q, R> implements AutoCloseable {

    /** What came: exactly one of message and status is there; trailers come with a status. */
    record Event<R>(R message, Status status, Metadata trailers) {

        boolean isEnd() {
            return status != null;
        }
    }

    private final ClientCall<Q, R> call;
    // Not bounded itself: flow control bounds it, and a listener must never be made to wait.
    private final BlockingQueue<Event<R>> inbox = new LinkedBlockingQueue<>();

    BlockingCall(ClientCall<Q, R> call, Metadata headers, int ahead) {
        this.call = call;
        call.start(new Inbox(), headers);
        call.request(ahead);
    }

    void send(Q message) {
        call.sendMessage(message);
    }

    void halfClose() {
        call.halfClose();
    }

    /** Returns the next event, or null if none arrived in this time. */
    Event<R> next(Duration patience) throws InterruptedException {
        Event<R> event = inbox.poll(patience.toMillis(), TimeUnit.MILLISECONDS);
        if (event != null && !event.isEnd()) {
            call.request(1);
        }
        return event;
    }

    /** Cut the call off; harmless where it has ended. */
    @Override
    public void close() {
        call.cancel("closed by the reader", null);
    }

    private final class Inbox extends ClientCall.Listener<R> {

        @Override
        public void onMessage(R message) {
            inbox.add(new Event<>(message, null, null));
        }

        @Override
        public void onClose(Status status, Metadata trailers) {
            inbox.add(new Event<>(null, status, trailers));
        }
    }
}
