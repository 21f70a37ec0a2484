package com.alpha.pcworker.client;

import io.grpc.Channel;
import io.grpc.ClientInterceptor;
import io.grpc.ManagedChannelBuilder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * How to reach a gateway. Start with {@link #of} and change single values:
 * {@code GatewaySettings.of("gateway:50051").withToken(token).withTls(Tls.trusting(ca))}.
 *
 * @param address {@code HOST:PORT}, or any target that grpc-java resolves; every message names it
 * @param token returns the bearer token, where the gateway wants one; is called once for each call
 * @param tls how to encrypt; empty = plain text
 * @param keepAlive silence after which the connection is probed; not under 10 s, which the gateway takes for abuse
 * @param maxMessageBytes the largest message accepted; the gateway sends none over 4 MiB
 * @param transport what else grpc-java is to use
 */
public record GatewaySettings(
        String address,
        Optional<Supplier<String>> token,
        Optional<Tls> tls,
        Duration keepAlive,
        int maxMessageBytes,
        Transport transport) {

    private static final int LARGEST_MESSAGE = 4 << 20;
    private static final int DEFAULT_MAX_MESSAGE_BYTES = 8 << 20;

    /**
     * Check the values.
     *
     * @param address host and port
     * @param token returns the bearer token
     * @param tls how to encrypt
     * @param keepAlive silence after which the connection is probed
     * @param maxMessageBytes the largest message accepted
     * @param transport what else grpc-java is to use
     */
    public GatewaySettings {
        Objects.requireNonNull(address, "address");
        if (keepAlive.compareTo(Duration.ofSeconds(10)) < 0) {
            throw new IllegalArgumentException("keepAlive " + keepAlive + " is under 10 s: the gateway would hang up");
        }
        if (maxMessageBytes < LARGEST_MESSAGE) {
            throw new IllegalArgumentException(
                    "maxMessageBytes " + maxMessageBytes + " is under 4 MiB, the gateway's largest message");
        }
        if (transport.channel().isPresent() && (tls.isPresent() || transport.isForOurChannel())) {
            throw new IllegalArgumentException(
                    "a channel of your own has its own TLS, authority and executor: set them where it is built");
        }
    }

    /**
     * A gateway without token or TLS, as on the same machine.
     *
     * @param address {@code HOST:PORT}
     * @return the settings
     */
    public static GatewaySettings of(String address) {
        return new GatewaySettings(
                address,
                Optional.empty(),
                Optional.empty(),
                Duration.ofSeconds(30),
                DEFAULT_MAX_MESSAGE_BYTES,
                Transport.DEFAULT);
    }

    /**
     * The same with a bearer token.
     *
     * @param newToken the token; printable ASCII only
     * @return the settings
     */
    public GatewaySettings withToken(String newToken) {
        Tokens.requireValid(newToken);
        return withToken(() -> newToken);
    }

    /**
     * The same with a bearer token that changes.
     *
     * @param newToken returns the token of now; is called once for each call, in the reading thread
     * @return the settings
     */
    public GatewaySettings withToken(Supplier<String> newToken) {
        return new GatewaySettings(address, Optional.of(newToken), tls, keepAlive, maxMessageBytes, transport);
    }

    /**
     * The same with TLS.
     *
     * @param newTls whom to trust and what to present
     * @return the settings
     */
    public GatewaySettings withTls(Tls newTls) {
        return new GatewaySettings(address, token, Optional.of(newTls), keepAlive, maxMessageBytes, transport);
    }

    /**
     * The same with another keepalive time.
     *
     * @param newKeepAlive silence after which the connection is probed
     * @return the settings
     */
    public GatewaySettings withKeepAlive(Duration newKeepAlive) {
        return new GatewaySettings(address, token, tls, newKeepAlive, maxMessageBytes, transport);
    }

    /**
     * The same with another limit of a message.
     *
     * @param bytes the largest message accepted, 4 MiB at least
     * @return the settings
     */
    public GatewaySettings withMaxMessageBytes(int bytes) {
        return new GatewaySettings(address, token, tls, keepAlive, bytes, transport);
    }

    /**
     * The same with another name expected in the gateway's certificate.
     *
     * @param authority the name, also sent as the HTTP/2 authority
     * @return the settings
     */
    public GatewaySettings withAuthority(String authority) {
        return with(new Transport(
                transport.channel, Optional.of(authority), transport.executor, transport.interceptors, transport.customiser));
    }

    /**
     * The same with an executor for grpc-java's callbacks.
     *
     * @param executor is not shut down by the client
     * @return the settings
     */
    public GatewaySettings withExecutor(Executor executor) {
        return with(new Transport(
                transport.channel, transport.authority, Optional.of(executor), transport.interceptors, transport.customiser));
    }

    /**
     * The same with interceptors for every call (metrics, tracing).
     *
     * @param interceptors the last one is called first, as in {@code ClientInterceptors.intercept}
     * @return the settings
     */
    public GatewaySettings withInterceptors(ClientInterceptor... interceptors) {
        return with(new Transport(
                transport.channel, transport.authority, transport.executor, List.of(interceptors), transport.customiser));
    }

    /**
     * The same with a last change to the channel's builder.
     *
     * @param customiser changes the builder after everything else was set
     * @return the settings
     */
    public GatewaySettings withChannelCustomiser(Consumer<ManagedChannelBuilder<?>> customiser) {
        return with(new Transport(
                transport.channel,
                transport.authority,
                transport.executor,
                transport.interceptors,
                Optional.of(customiser)));
    }

    /**
     * The same over a channel of the caller's.
     *
     * @param channel is not shut down by the client
     * @return the settings
     */
    public GatewaySettings withChannel(Channel channel) {
        return with(new Transport(
                Optional.of(channel),
                transport.authority,
                transport.executor,
                transport.interceptors,
                transport.customiser));
    }

    private GatewaySettings with(Transport newTransport) {
        return new GatewaySettings(address, token, tls, keepAlive, maxMessageBytes, newTransport);
    }

    /** Keep the token out of logs. */
    @Override
    public String toString() {
        return "GatewaySettings[" + address + (tls.isPresent() ? ", TLS" : "") + "]";
    }

    /**
     * What grpc-java is to use; all of it may be absent.
     *
     * @param channel the caller's channel, instead of one that the {@link Gateway} makes and shuts down
     * @param authority the name expected in the gateway's certificate
     * @param executor runs grpc-java's callbacks
     * @param interceptors see every call
     * @param customiser changes the channel's builder
     */
    public record Transport(
            Optional<Channel> channel,
            Optional<String> authority,
            Optional<Executor> executor,
            List<ClientInterceptor> interceptors,
            Optional<Consumer<ManagedChannelBuilder<?>>> customiser) {

        static final Transport DEFAULT = new Transport(
                Optional.empty(), Optional.empty(), Optional.empty(), List.of(), Optional.empty());

        private boolean isForOurChannel() {
            return authority.isPresent() || executor.isPresent() || customiser.isPresent();
        }
    }

    /**
     * Files in PEM form.
     *
     * @param authority whose certificates are trusted; empty = the JDK's default trust store
     * @param certificate ours, where the gateway asks clients for one
     * @param key the key of {@code certificate}
     */
    public record Tls(Optional<Path> authority, Optional<Path> certificate, Optional<Path> key) {

        /**
         * Check the values.
         *
         * @param authority whose certificates are trusted
         * @param certificate ours
         * @param key its key
         */
        public Tls {
            if (certificate.isPresent() != key.isPresent()) {
                throw new IllegalArgumentException("a client certificate and its key go together");
            }
        }

        /**
         * Trust this authority's certificates, or the gateway's own.
         *
         * @param authority a PEM file
         * @return the TLS settings
         */
        public static Tls trusting(Path authority) {
            return new Tls(Optional.of(authority), Optional.empty(), Optional.empty());
        }

        /**
         * Trust what the JDK's default trust store trusts ({@code javax.net.ssl.trustStore}).
         *
         * @return the TLS settings
         */
        public static Tls trustingDefaults() {
            return new Tls(Optional.empty(), Optional.empty(), Optional.empty());
        }

        /**
         * The same with this client certificate.
         *
         * @param newCertificate a PEM file
         * @param newKey its key, a PEM file in PKCS#8 form
         * @return the TLS settings
         */
        public Tls presenting(Path newCertificate, Path newKey) {
            return new Tls(authority, Optional.of(newCertificate), Optional.of(newKey));
        }
    }
}
