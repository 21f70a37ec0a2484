package com.alpha.pcworker.client;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.grpc.ClientInterceptors;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.TlsChannelCredentials;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.WeakHashMap;
import java.util.concurrent.TimeUnit;

/** A gateway and the connection to it; readers are made here and share the connection. Connects when first used. */
public final class Gateway implements AutoCloseable {

    private static final Metadata.Key<String> AUTHORIZATION =
            Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
    private static final long KEEPALIVE_TIMEOUT_S = 10;

    private final GatewaySettings settings;
    private final Channel channel;
    private final Optional<ManagedChannel> ours;
    // Weak: a reader that is dropped without being closed is not kept.
    private final Set<Session> sessions = Collections.newSetFromMap(new WeakHashMap<>());
    private boolean isClosed;
    private volatile boolean wasConnected;

    /**
     * Prepare the connection.
     *
     * @param settings how to reach the gateway
     * @throws UncheckedIOException where a TLS file cannot be read
     */
    public Gateway(GatewaySettings settings) {
        GatewaySettings.Transport transport = settings.transport();
        this.settings = settings;
        this.ours = transport.channel().isPresent() ? Optional.empty() : Optional.of(newChannel(settings));
        Channel connection = transport.channel().orElseGet(ours::orElseThrow);
        this.channel = ClientInterceptors.intercept(connection, transport.interceptors());
    }

    /**
     * A reader of all that is in a domain's log now, over {@code StreamEmbedding}.
     *
     * @param stream what to read
     * @return the reader, not open yet
     */
    public RowReader stream(StreamSettings stream) {
        return new SessionReader(this, state -> new StreamSession(this, stream, state));
    }

    /**
     * A reader of a named subscription, over {@code Consume}: acknowledged, with tombstones, reconnecting.
     *
     * @param subscription what to read
     * @return the reader, not open yet
     */
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
        ours.ifPresent(ManagedChannel::shutdownNow);
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

    String address() {
        return settings.address();
    }

    /** Whether there was a connection at any time. */
    boolean wasConnected() {
        return wasConnected;
    }

    /** Do not wait out the channel's own backoff, which grows to minutes, before the next call connects. */
    void reconnectNow() {
        if (settings.transport().channel().orElseGet(ours::orElseThrow) instanceof ManagedChannel connection) {
            connection.resetConnectBackoff();
        }
    }

    /** Returns the headers of a call; asks for the token, which may take its time. */
    Metadata headers() {
        Metadata headers = new Metadata();
        try {
            settings.token().ifPresent(token -> headers.put(AUTHORIZATION, "Bearer " + Tokens.current(token)));
        } catch (GatewayException e) {
            throw e.at(address());
        }
        return headers;
    }

    <Q, R> BlockingCall<Q, R> call(MethodDescriptor<Q, R> method, Metadata headers, int ahead) {
        CallOptions options = CallOptions.DEFAULT.withMaxInboundMessageSize(settings.maxMessageBytes());
        return new BlockingCall<>(channel.newCall(method, options), headers, ahead, () -> wasConnected = true);
    }

    private static ManagedChannel newChannel(GatewaySettings settings) {
        ManagedChannelBuilder<?> builder = Grpc.newChannelBuilder(settings.address(), credentials(settings))
                .keepAliveTime(settings.keepAlive().toSeconds(), TimeUnit.SECONDS)
                .keepAliveTimeout(KEEPALIVE_TIMEOUT_S, TimeUnit.SECONDS)
                .keepAliveWithoutCalls(true);
        GatewaySettings.Transport transport = settings.transport();
        transport.authority().ifPresent(builder::overrideAuthority);
        transport.executor().ifPresent(builder::executor);
        transport.customiser().ifPresent(customiser -> customiser.accept(builder));
        return builder.build();
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
