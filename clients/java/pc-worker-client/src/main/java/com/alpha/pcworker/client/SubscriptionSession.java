package com.alpha.pcworker.client;

import com.alpha.backend.grpc.ConsumeChunk;
import com.alpha.backend.grpc.ConsumeHeartbeat;
import com.alpha.backend.grpc.ConsumeOpen;
import com.alpha.backend.grpc.ConsumeOpened;
import com.alpha.backend.grpc.ConsumeProgress;
import com.alpha.backend.grpc.ConsumeResponse;
import com.alpha.pcworker.client.SubscriptionSettings.Checkpoint;
import com.alpha.pcworker.client.SubscriptionSettings.OnLogChange;
import io.grpc.Metadata;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/**
 * Reads a subscription over {@code Consume} and reconnects when the connection, the gateway or its database fails. The new
 * call begins after the last committed position and omits entries that the caller already has.
 */
final class SubscriptionSession implements Session {

    /** An entry to return; {@code isAgain}: it is redelivered after a nack, outside the log's order. */
    private record Item(Entry entry, boolean isAgain) {}

    private final Gateway gateway;
    private final SubscriptionSettings settings;
    private final String positionKey;
    private final String epochKey;
    private final LogEpoch epoch;
    private final Events events;
    private final Retry retry;
    private final Closing closing = new Closing();
    // Guards all fields below: another thread may close at any time.
    private final Object lock = new Object();
    private final Deque<Item> entries = new ArrayDeque<>();
    private final Redeliveries redeliveries = new Redeliveries();
    private final List<Runnable> unreported = new ArrayList<>(); // events to report once the lock is free
    private boolean hasFailed;
    private boolean isConnected;
    private boolean isKnown; // the gateway had this subscription before: if it is new there now, it was dropped
    private boolean fromStart; // the next call opens at the start, wherever the position is kept
    private boolean isNew; // there is no position yet: `startAt` is used
    private ConsumeCall call; // null while there is no connection
    private boolean isAtEnd;
    private long received; // the last position of `entries`
    private long given;
    private long updated;
    private long committed;

    SubscriptionSession(Gateway gateway, SubscriptionSettings settings, SavedState state) {
        this.gateway = gateway;
        this.settings = settings;
        String prefix = "pcw." + settings.domain() + "." + settings.name() + suffix(settings.shard());
        this.positionKey = prefix + ".position";
        this.epochKey = prefix + ".epoch";
        this.events = new Events(gateway, settings);
        this.retry = new Retry(gateway, settings, events);
        boolean isOurs = settings.checkpoint() == Checkpoint.CLIENT;
        Optional<Long> position = isOurs ? state.get(positionKey).map(Long::parseLong) : Optional.empty();
        this.isNew = position.isEmpty();
        restartAfter(position.orElse(0L));
        this.epoch = new LogEpoch(state.get(epochKey).orElse(""));
        this.isKnown = !isOurs && !epoch.current().isEmpty();
    }

    /** Each shard has a position of its own, and those of another count mean nothing. */
    private static String suffix(Shard shard) {
        return shard.count() == 1 ? "" : ".%dof%d".formatted(shard.index(), shard.count());
    }

    @Override
    public Entry read() throws InterruptedException {
        while (true) {
            synchronized (lock) {
                requireReadable();
                if (!entries.isEmpty() || (isAtEnd && !settings.follow())) {
                    return take();
                }
            }
            receive();
        }
    }

    @Override
    public int available() {
        synchronized (lock) {
            return entries.size();
        }
    }

    @Override
    public void nack(Row row, String reason) throws InterruptedException {
        synchronized (lock) {
            requireReadable();
            redeliveries.beginNack(row.position());
        }
        while (!isNackStored(row.position(), Redeliveries.reason(reason))) {
            receive();
        }
    }

    /** Send the nack as soon as the gateway takes it; returns true when it is stored. */
    private boolean isNackStored(long position, String reason) {
        synchronized (lock) {
            closing.requireOpen();
            if (call != null && redeliveries.isNacking() && !redeliveries.isNackSent()) {
                if (call.nack(position, reason)) {
                    redeliveries.nackIsSent();
                } else if (isAtEnd) {
                    redeliveries.endNack(); // a restored log: this row is not in it
                }
            }
            return !redeliveries.isNacking();
        }
    }

    @Override
    public void update(SavedState state) {
        synchronized (lock) {
            updated = given;
            redeliveries.update();
            state.put(epochKey, epoch.current());
            if (settings.checkpoint() == Checkpoint.CLIENT) {
                state.put(positionKey, Long.toString(given));
            }
        }
    }

    @Override
    public void committed() {
        synchronized (lock) {
            closing.requireOpen();
            committed = updated;
            redeliveries.commit();
            if (call != null) {
                call.commit(committed);
                acknowledgeRedelivered();
            }
        }
    }

    @Override
    public void close() {
        ConsumeCall last = end("the reader was closed");
        if (last == null) {
            return;
        }
        try {
            last.finish();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // the gateway then sends again what it did not see acknowledged
        } finally {
            last.close();
        }
    }

    @Override
    public void abort() {
        ConsumeCall last = end("the gateway was closed");
        if (last != null) {
            last.close();
        }
    }

    /** Returns the call that is to be ended, if any. */
    private ConsumeCall end(String why) {
        synchronized (lock) {
            if (!closing.close(why)) {
                return null;
            }
            entries.clear();
            return call;
        }
    }

    private void requireReadable() {
        closing.requireOpen();
        if (hasFailed) {
            throw new IllegalStateException("the reader is not open: it failed");
        }
    }

    private Entry take() {
        Item item = entries.poll();
        if (item == null) {
            return null;
        }
        if (item.isAgain()) {
            redeliveries.give(item.entry().position());
        } else {
            given = item.entry().position();
        }
        if (entries.isEmpty()) {
            given = received; // a slice may end with positions that have no entry: they are done, too
        }
        return item.entry();
    }

    private void receive() throws InterruptedException {
        try {
            ConsumeResponse response = connected().next();
            synchronized (lock) {
                closing.requireOpen();
                handle(response);
            }
        } catch (GatewayException e) {
            recover(e.at(gateway.address()));
        } finally {
            report();
        }
    }

    /** Prepare the next call and wait until it is time for it; throws {@code failure} if there is none. */
    private void recover(GatewayException failure) throws InterruptedException {
        boolean wasConnected;
        synchronized (lock) {
            closing.requireOpen(); // the end of a closed call is no failure
            hangUp();
            wasConnected = isConnected;
            isConnected = false;
            hasFailed = true; // a later read must not skip what was lost
        }
        if (failure instanceof RequestRefusedException refused && refused.isBeyondHead() && committed > 0) {
            beyondHead(refused);
            return;
        }
        if (failure instanceof FencedException fenced) {
            events.fenced(fenced);
        } else if (failure instanceof SubscriptionDroppedException dropped) {
            events.dropped(dropped);
        } else if (wasConnected && !(failure instanceof LogChangedException)) {
            events.lost(failure);
        }
        Duration wait = retry.waitAfter(failure);
        hasFailed = false;
        closing.pause(wait);
    }

    private void beyondHead(RequestRefusedException refused) {
        epoch.restored();
        if (settings.onLogChange() != OnLogChange.RESTART) {
            LogChange change = epoch.changeTo("", "", committed);
            events.logChanged(change);
            throw new LogChangedException(change, refused).at(gateway.address());
        }
        fromStart = true; // what is there then is reported when it is known
        hasFailed = false;
    }

    private void report() {
        List<Runnable> told;
        synchronized (lock) {
            told = List.copyOf(unreported);
            unreported.clear();
        }
        told.forEach(Runnable::run);
    }

    private ConsumeCall connected() {
        synchronized (lock) {
            closing.requireOpen();
            if (call != null) {
                return call;
            }
        }
        Metadata headers = gateway.headers(); // may be slow: not under the lock, which close() needs
        synchronized (lock) {
            closing.requireOpen(); // a call of a closed reader would fence its successor
            gateway.reconnectNow();
            call = new ConsumeCall(gateway, settings, headers, this::start);
            return call;
        }
    }

    private void start(ConsumeOpen.Builder open) {
        boolean isOurs = settings.checkpoint() == Checkpoint.CLIENT;
        Optional<StartAt> first = isNew ? settings.startAt() : Optional.empty();
        if (fromStart) {
            open.setAfterPosition(0);
        } else if (isOurs && first.isPresent()) {
            open.setAt(first.get().text());
        } else if (isOurs) {
            open.setAfterPosition(committed);
        } else {
            first.ifPresent(start -> open.setFirstAt(start.text())); // is used if the gateway has no position either
        }
    }

    private void handle(ConsumeResponse response) {
        switch (response.getResponseCase()) {
            case OPENED -> opened(response.getOpened());
            case CHUNK -> chunk(response);
            case PROGRESS -> progress(response.getProgress());
            case END_OF_LOG -> endOfLog(response);
            case HEARTBEAT -> heartbeat(response.getHeartbeat());
            case REDELIVERED -> redelivered(response);
            case NACKED -> nacked(response.getNacked().getPositionsList());
            case CLOSING, RESPONSE_NOT_SET -> {} // the gateway ends the call next; ignore messages that only a newer client knows
        }
    }

    private void opened(ConsumeOpened opened) {
        if (epoch.isOther(opened.getEpoch())) {
            boolean mustRestart = settings.onLogChange() == OnLogChange.RESTART && opened.getPosition() > 0;
            changed(opened.getEpoch(), opened.getModel());
            restartAfter(mustRestart ? 0 : opened.getPosition());
            if (mustRestart) {
                // After a change of model, which logs every row again, this sends no more rows than resuming would.
                fromStart = true;
                hangUp();
                return;
            }
        } else if (opened.getCreated() && isKnown) {
            throw new SubscriptionDroppedException(
                    "the subscription was dropped after position %d was acknowledged".formatted(committed), null);
        }
        fromStart = false;
        isKnown |= !opened.getEpoch().isEmpty(); // a domain without a log has no subscriptions
        isNew = false;
        epoch.know(opened.getEpoch());
        if (given < opened.getPosition()) {
            restartAfter(opened.getPosition());
        }
        received = given;
        call.opened(opened, committed);
        acknowledgeRedelivered();
        isConnected = true;
        long position = opened.getPosition();
        unreported.add(() -> events.connected(position));
    }

    private void changed(String newEpoch, String model) {
        LogChange change = epoch.changeTo(newEpoch, model, given);
        unreported.add(() -> events.logChanged(change));
        if (settings.onLogChange() == OnLogChange.STOP) {
            throw new LogChangedException(change, null);
        }
    }

    private void chunk(ConsumeResponse response) {
        retry.succeeded();
        ConsumeChunk chunk = response.getChunk();
        if (epoch.isOther(chunk.getEpoch())) {
            changed(chunk.getEpoch(), chunk.getModel()); // positions continue, and every row is sent again
        }
        boolean isKnown = chunk.getPosition() <= given;
        call.chunk(response, isKnown);
        if (isKnown) {
            return;
        }
        for (Entry entry : Chunks.entries(chunk)) {
            if (entry.position() > given) {
                entries.add(new Item(entry, false));
            }
        }
        epoch.know(chunk.getEpoch());
        reached(chunk.getPosition());
        isAtEnd = false;
    }

    private void progress(ConsumeProgress progress) {
        retry.succeeded();
        call.progress(progress);
        reached(Math.max(given, progress.getPosition()));
    }

    private void redelivered(ConsumeResponse response) {
        retry.succeeded();
        call.redelivered(response);
        for (Row row : Chunks.redelivered(response.getRedelivered())) {
            entries.add(new Item(row, true));
        }
    }

    private void nacked(List<Long> positions) {
        retry.succeeded();
        call.nacked(positions);
        redeliveries.nackIsStored(positions);
    }

    private void acknowledgeRedelivered() {
        List<Long> stored = call.isOpened() ? redeliveries.toAcknowledge() : List.of();
        if (!stored.isEmpty()) {
            call.stored(stored);
        }
    }

    private void endOfLog(ConsumeResponse response) {
        retry.succeeded();
        call.endOfLog(response);
        isAtEnd = true;
        reached(Math.max(given, response.getEndOfLog().getPosition()));
    }

    private void heartbeat(ConsumeHeartbeat heartbeat) {
        retry.succeeded();
        // Reported by the gateway and not computed here alone: an end of log needs no credit and may be in flight.
        if (heartbeat.getNeededBytes() > 0) {
            requireRoom(heartbeat.getNeededBytes());
        }
    }

    private void reached(long position) {
        received = position;
        if (entries.isEmpty()) {
            given = position;
        }
    }

    private void restartAfter(long position) {
        received = position;
        given = position;
        updated = position;
        committed = position;
    }

    private void requireRoom(long bytes) {
        if (!call.hasRoom(bytes)) {
            throw new IllegalStateException(
                    "the credit of %d chunks and %d bytes is used up by entries that were read and not committed: call"
                            .formatted(settings.creditChunks(), settings.creditBytes())
                            + " committed() more often, or grant more");
        }
    }

    private void hangUp() {
        if (call != null) {
            call.close();
            call = null;
        }
        redeliveries.hangUp();
        entries.clear(); // the next call sends them again
        isAtEnd = false;
    }
}
