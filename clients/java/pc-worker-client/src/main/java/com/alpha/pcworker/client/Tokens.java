package com.alpha.pcworker.client;

import java.util.function.Supplier;

/** Checks bearer tokens; no message contains one. */
final class Tokens {

    private static final String INVALID =
            "the bearer token is empty, or has a blank at an end, a control character or a character that is not ASCII: is"
                    + " there a newline at the end of its file?";

    private Tokens() {}

    /** Throws {@link IllegalArgumentException} for a token that cannot be sent in a header. */
    static void requireValid(String token) {
        if (!isValid(token)) {
            throw new IllegalArgumentException(INVALID);
        }
    }

    /** Returns the current token. */
    static String current(Supplier<String> supplier) {
        String token;
        try {
            token = supplier.get();
        } catch (RuntimeException e) {
            throw new GatewayUnavailableException("the supplier of the bearer token failed: " + Causes.root(e), e);
        }
        if (!isValid(token)) {
            throw new MisconfiguredException(INVALID, null);
        }
        return token;
    }

    private static boolean isValid(String token) {
        return token != null
                && !token.isEmpty()
                && token.equals(token.strip())
                && token.chars().allMatch(c -> c >= ' ' && c <= '~');
    }
}
