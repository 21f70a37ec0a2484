package com.alpha.pcworker.client;

import io.grpc.CallOptions;
import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.TlsChannelCredentials;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.WeakHashMap;
import java.util.concurrent.TimeUnit;

/** A gateway and the connection to it; readers are made here and share the connection. Connects when first used. */
public final class Gateway implements AutoCloseable {

    private static final Metadata.Key<String> AUTHORIZATION =
            Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
    private static final long KEEPALIVE_TIMEOUT_S = 10;

    private final GatewaySettings settings;
    private final ManagedChannel channel;
    // Weak: a reader that is dropped without being closed is not kept.
    private final Set<Session> sessions = Collections.newSetFromMap(new WeakHashMap<>());
    private boolean isClosed;

    /**
     * Prepare the connection.
     *
     * @throws UncheckedIOException where a TLS file cannot be read
     */
    public Gateway(GatewaySettings settings) {
        this.settings = settings;
        this.channel = Grpc.newChannelBuilder(settings.address(), credentials(settings))
                .keepAliveTime(settings.keepAlive().toSeconds(), TimeUnit.SECONDS)
                .keepAliveTimeout(KEEPALIVE_TIMEOUT_S, TimeUnit.SECONDS)
                .keepAliveWithoutCalls(true)
                .maxInboundMessageSize(settings.maxMessageBytes())
                .build();
    }

    /** A reader of all that is in a domain's log now, over {@code StreamEmbedding}. */
    public RowReader stream(StreamSettings stream) {
        return new SessionReader(this, state -> new StreamSession(this, stream, state));
    }

    /** A reader of a named subscription, over {@code Consume}: acknowledged, with tombstones, coming back by itself. */
    public RowReader subscribe(SubscriptionSettings subscription) {
        return new SessionReader(this, state -> new SubscriptionSession(this, subscription, state));
    }

    /** End the connection and every reader's {@code read()}; safe from any thread, and more than once. */
    @Override
    public void close() {
        List<Session> open;
        synchronized (sessions) {
            isClosed = true;
            open = List.copyOf(sessions);
            sessions.clear();
        }
        open.forEach(Session::abort);
        channel.shutdownNow();
    }

    /** Take note of a reader that was opened, or end it where this gateway is closed. */
    void register(Session session) {
        boolean isTooLate;
        synchronized (sessions) {
            isTooLate = isClosed;
            if (!isTooLate) {
                sessions.add(session);
            }
        }
        if (isTooLate) {
            session.abort();
            throw new ReaderClosedException("the gateway was closed");
        }
    }

    /** Do not wait out the channel's own backoff, which grows to minutes, before the next call connects. */
    void reconnectNow() {
        channel.resetConnectBackoff();
    }

    <Q, R> BlockingCall<Q, R> call(MethodDescriptor<Q, R> method, int ahead) {
        Metadata headers = new Metadata();
        settings.token().ifPresent(token -> headers.put(AUTHORIZATION, "Bearer " + token));
        return new BlockingCall<>(channel.newCall(method, CallOptions.DEFAULT), headers, ahead);
    }

    private static ChannelCredentials credentials(GatewaySettings settings) {
        return settings.tls().map(Gateway::encrypted).orElseGet(InsecureChannelCredentials::create);
    }

    private static ChannelCredentials encrypted(GatewaySettings.Tls tls) {
        TlsChannelCredentials.Builder credentials = TlsChannelCredentials.newBuilder();
        try {
            if (tls.authority().isPresent()) {
                credentials.trustManager(tls.authority().get().toFile());
            }
            if (tls.certificate().isPresent()) {
                credentials.keyManager(
                        tls.certificate().get().toFile(), tls.key().orElseThrow().toFile());
            }
        } catch (IOException e) {
            throw new UncheckedIOException("a TLS file cannot be read: " + e.getMessage(), e);
        }
        return credentials.build();
    }
}
