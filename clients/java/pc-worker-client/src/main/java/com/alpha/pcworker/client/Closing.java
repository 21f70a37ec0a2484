package com.alpha.pcworker.client;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Whether a session was closed, and by what; waits end when it is. */
final class Closing {

    private final CountDownLatch latch = new CountDownLatch(1);
    private String reason = "";

    /** Close; returns false if it was closed before. */
    synchronized boolean close(String why) {
        if (isClosed()) {
            return false;
        }
        reason = why;
        latch.countDown();
        return true;
    }

    boolean isClosed() {
        return latch.getCount() == 0;
    }

    /** Throws {@link ReaderClosedException} if closed. */
    synchronized void requireOpen() {
        if (isClosed()) {
            throw new ReaderClosedException(reason);
        }
    }

    /** Waits this long, or throws {@link ReaderClosedException} as soon as it is closed. */
    void pause(Duration wait) throws InterruptedException {
        latch.await(wait.toMillis(), TimeUnit.MILLISECONDS);
        requireOpen();
    }
}
