package com.alpha.pcworker.client;

import java.util.function.Function;

/** A reader that can be opened again: each opening is a {@link Session} of its own, and a closed one stays closed. */
final class SessionReader implements RowReader {

    private final Gateway gateway;
    private final Function<SavedState, Session> opener;
    private volatile Session session; // null before the first opening

    SessionReader(Gateway gateway, Function<SavedState, Session> opener) {
        this.gateway = gateway;
        this.opener = opener;
    }

    @Override
    public void open(SavedState state) {
        close();
        Session opened = opener.apply(state);
        session = opened; // first: a close() that comes now must find it
        gateway.register(opened);
    }

    @Override
    public Entry read() throws InterruptedException {
        return opened().read();
    }

    @Override
    public int available() {
        Session current = session;
        return current == null ? 0 : current.available();
    }

    @Override
    public void nack(Row row, String reason) throws InterruptedException {
        opened().nack(row, reason);
    }

    @Override
    public void update(SavedState state) {
        opened().update(state);
    }

    @Override
    public void committed() {
        opened().committed();
    }

    @Override
    public void close() {
        Session current = session;
        if (current != null) {
            current.close();
        }
    }

    private Session opened() {
        Session current = session;
        if (current == null) {
            throw new IllegalStateException("the reader is not open");
        }
        return current;
    }
}
