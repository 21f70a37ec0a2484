package com.alpha.pcworker.client;

import java.security.GeneralSecurityException;
import java.util.stream.Stream;
import javax.net.ssl.SSLException;

/** Finds the cause of a failed connection. */
final class Causes {

    // More than any real chain has; a chain can be a cycle.
    private static final int DEEPEST = 30;
    // What grpc-netty says when a TLS alert comes where HTTP/2 was expected.
    private static final String NOT_HTTP2 = "First received frame was not SETTINGS";

    private Causes() {}

    /** Returns the innermost cause in words. */
    static String root(Throwable failure) {
        Throwable root = chain(failure).reduce(failure, (outer, inner) -> inner);
        String text = root.getMessage();
        return text == null || text.isBlank() ? root.getClass().getSimpleName() : String.join(" ", text.split("\\s+"));
    }

    /** Whether certificates or protocols do not fit: waiting does not help. */
    static boolean isTls(Throwable failure) {
        return chain(failure)
                .anyMatch(cause -> cause instanceof SSLException
                        || cause instanceof GeneralSecurityException
                        || String.valueOf(cause.getMessage()).contains(NOT_HTTP2));
    }

    private static Stream<Throwable> chain(Throwable failure) {
        return Stream.iterate(failure, cause -> cause != null, Throwable::getCause).limit(DEEPEST);
    }
}
