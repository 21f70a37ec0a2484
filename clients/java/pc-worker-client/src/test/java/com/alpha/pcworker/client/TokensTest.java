package com.alpha.pcworker.client;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokensTest {

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "secret\n", "secret\r\n", " secret", "secret\t", "sec\0ret", "sécret", "비밀", "secret\u007f"})
    void aTokenThatNoHeaderCanCarryIsRefusedAndNotRepeated(String token) {
        Exception refused = assertThrows(IllegalArgumentException.class, () -> Tokens.requireValid(token));

        assertFalse(refused.getMessage().contains("secret"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"a", "eyJhbGciOiJSUzI1NiJ9.e30.c2ln", "two words", "!~"})
    void printableAsciiIsAToken(String token) {
        assertDoesNotThrow(() -> Tokens.requireValid(token));
        assertEquals(token, Tokens.current(() -> token));
    }

    @Test
    void aSupplierThatReturnsNullIsMisconfigured() {
        assertThrows(MisconfiguredException.class, () -> Tokens.current(() -> null));
    }

    @Test
    void aSupplierThatFailsMayBeAskedAgain() {
        GatewayException failed = assertThrows(GatewayUnavailableException.class, () -> Tokens.current(() -> {
            throw new IllegalStateException("vault sealed");
        }));

        assertTrue(failed.isRetryable());
        assertTrue(failed.getMessage().contains("vault sealed"));
    }
}
