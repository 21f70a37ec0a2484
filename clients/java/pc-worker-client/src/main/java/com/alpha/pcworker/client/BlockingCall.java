package com.alpha.pcworker.client;

import io.grpc.Attributes;
import io.grpc.ClientCall;
import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.Status;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * One streaming call, read by waiting: what comes next is a message or the end with its status and trailers.
 *
 * <p>grpc-java's own blocking iterator neither returns the trailers nor can be closed. Flow control is by hand: never more
 * than {@code ahead} messages are asked for that have not been taken. All methods are safe for use by several threads, which
 * {@link ClientCall} is not; what is sent after the end of sending is left out.
 */
final class BlockingCall<Q, R> implements AutoCloseable {

    // More messages than are in flight when the call ends.
    private static final int ALL_THAT_COMES = 1 << 16;

    /**
     * What came: exactly one of message and status is there; trailers come with a status.
     *
     * @param isFromGateway false if the call ended before any connection was made
     */
    record Event<R>(R message, Status status, Metadata trailers, boolean isFromGateway) {

        boolean isEnd() {
            return status != null;
        }
    }

    private final ClientCall<Q, R> call;
    private final Runnable connected;
    // Not bounded itself: flow control bounds it, and a listener must never be made to wait.
    private final BlockingQueue<Event<R>> inbox = new LinkedBlockingQueue<>();
    private final Event<R> wakeUp = new Event<>(null, null, null, false);
    private final CountDownLatch ended = new CountDownLatch(1);
    private volatile boolean isLeft;
    private boolean isSending = true;

    /** Start a call; {@code connected} runs once there is a connection. */
    BlockingCall(ClientCall<Q, R> call, Metadata headers, int ahead, Runnable connected) {
        this.call = call;
        this.connected = connected;
        call.start(new Inbox(), headers);
        call.request(ahead);
    }

    synchronized void send(Q message) {
        if (isSending) {
            call.sendMessage(message);
        }
    }

    synchronized void halfClose() {
        if (isSending) {
            isSending = false;
            call.halfClose();
        }
    }

    /** Returns the next event, or null if none arrived in this time or the call was left. */
    Event<R> next(Duration patience) throws InterruptedException {
        Event<R> event = isLeft ? wakeUp : inbox.poll(patience.toMillis(), TimeUnit.MILLISECONDS);
        if (event == wakeUp) {
            return null;
        }
        if (event != null && !event.isEnd()) {
            request(1);
        }
        return event;
    }

    /** End in good order: {@link #next} returns at once, and the call gets this long until the gateway ends it. */
    void leave(Duration patience) throws InterruptedException {
        isLeft = true;
        inbox.add(wakeUp);
        halfClose();
        request(ALL_THAT_COMES); // the end follows the messages in flight
        ended.await(patience.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** Cut the call off; harmless where it has ended. */
    @Override
    public synchronized void close() {
        isLeft = true;
        isSending = false;
        inbox.add(wakeUp);
        call.cancel("closed by the reader", null);
    }

    private synchronized void request(int messages) {
        call.request(messages);
    }

    private final class Inbox extends ClientCall.Listener<R> {

        @Override
        public void onHeaders(Metadata headers) {
            connected.run();
        }

        @Override
        public void onMessage(R message) {
            if (!isLeft) {
                inbox.add(new Event<>(message, null, null, true));
            }
        }

        @Override
        public void onClose(Status status, Metadata trailers) {
            Attributes attributes = call.getAttributes();
            boolean isFromGateway = attributes.get(Grpc.TRANSPORT_ATTR_REMOTE_ADDR) != null
                    || status.getCode() != Status.Code.UNAVAILABLE;
            if (isFromGateway) {
                connected.run();
            }
            inbox.add(new Event<>(null, status, trailers, isFromGateway));
            ended.countDown();
        }
    }
}
