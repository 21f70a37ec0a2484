package com.alpha.pcworker.client;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;

/**
 * How to reach a gateway. Begin with {@link #of} and change what differs:
 * {@code GatewaySettings.of("gateway:50051").withToken(token).withTls(Tls.trusting(ca))}.
 *
 * @param address {@code HOST:PORT}, or any target that grpc-java resolves
 * @param token the bearer token, where the gateway wants one
 * @param tls how to encrypt; empty = plain text
 * @param keepAlive silence after which the connection is probed; not under 10 s, which the gateway takes for abuse
 * @param maxMessageBytes the largest message taken; the gateway sends none over 4 MiB
 */
public record GatewaySettings(
        String address, Optional<String> token, Optional<Tls> tls, Duration keepAlive, int maxMessageBytes) {

    private static final int DEFAULT_MAX_MESSAGE_BYTES = 8 << 20;

    public GatewaySettings {
        Objects.requireNonNull(address, "address");
        if (keepAlive.compareTo(Duration.ofSeconds(10)) < 0) {
            throw new IllegalArgumentException("keepAlive " + keepAlive + " is under 10 s: the gateway would hang up");
        }
    }

    /** A gateway without token or TLS, as on the same machine. */
    public static GatewaySettings of(String address) {
        return new GatewaySettings(
                address, Optional.empty(), Optional.empty(), Duration.ofSeconds(30), DEFAULT_MAX_MESSAGE_BYTES);
    }

    /** The same with a bearer token. */
    public GatewaySettings withToken(String newToken) {
        return new GatewaySettings(address, Optional.of(newToken), tls, keepAlive, maxMessageBytes);
    }

    /** The same with TLS. */
    public GatewaySettings withTls(Tls newTls) {
        return new GatewaySettings(address, token, Optional.of(newTls), keepAlive, maxMessageBytes);
    }

    /** The same with another keepalive time. */
    public GatewaySettings withKeepAlive(Duration newKeepAlive) {
        return new GatewaySettings(address, token, tls, newKeepAlive, maxMessageBytes);
    }

    /** Keep the token out of logs. */
    @Override
    public String toString() {
        return "GatewaySettings[" + address + (tls.isPresent() ? ", TLS" : "") + "]";
    }

    /**
     * Files in PEM form.
     *
     * @param authority whose certificates are trusted; empty = the JDK's own list
     * @param certificate ours, where the gateway asks clients for one
     * @param key the key of {@code certificate}
     */
    public record Tls(Optional<Path> authority, Optional<Path> certificate, Optional<Path> key) {

        public Tls {
            if (certificate.isPresent() != key.isPresent()) {
                throw new IllegalArgumentException("a client certificate and its key go together");
            }
        }

        /** Trust this authority's certificates, or the gateway's own. */
        public static Tls trusting(Path authority) {
            return new Tls(Optional.of(authority), Optional.empty(), Optional.empty());
        }

        /** The same, showing this certificate to the gateway. */
        public Tls presenting(Path newCertificate, Path newKey) {
            return new Tls(authority, Optional.of(newCertificate), Optional.of(newKey));
        }
    }
}
