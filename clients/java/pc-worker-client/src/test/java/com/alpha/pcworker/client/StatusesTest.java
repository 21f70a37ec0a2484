package com.alpha.pcworker.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.alpha.pcworker.client.BlockingCall.Event;
import com.alpha.pcworker.client.GatewayUnavailableException.Kind;
import io.grpc.Metadata;
import io.grpc.Status;
import java.net.ConnectException;
import java.nio.channels.ClosedChannelException;
import javax.net.ssl.SSLHandshakeException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StatusesTest {

    private static GatewayException answered(Status.Code code, String error) {
        Metadata trailers = new Metadata();
        if (error != null) {
            trailers.put(Metadata.Key.of("pcw-error", Metadata.ASCII_STRING_MARSHALLER), error);
        }
        Status status = code.toStatus().withDescription("why\nChannel Pipeline: [...]");
        return Statuses.exception(new Event<>(null, status, trailers, true), true);
    }

    private static GatewayException unreachable(Throwable cause, boolean wasConnected) {
        Status status = Status.UNAVAILABLE.withDescription("io exception").withCause(cause);
        return Statuses.exception(new Event<>(null, status, new Metadata(), false), wasConnected);
    }

    @ParameterizedTest
    @CsvSource({
        "INVALID_ARGUMENT, beyond_head, RequestRefusedException, false",
        "NOT_FOUND, , RequestRefusedException, false",
        "FAILED_PRECONDITION, contract_broken, RequestRefusedException, false",
        "UNAUTHENTICATED, unauthenticated, RequestRefusedException, false",
        "PERMISSION_DENIED, permission_denied, RequestRefusedException, false",
        "UNIMPLEMENTED, , RequestRefusedException, false",
        "ABORTED, fenced, FencedException, false",
        "ABORTED, , FencedException, false",
        "ABORTED, subscription_dropped, SubscriptionDroppedException, false",
        "RESOURCE_EXHAUSTED, lease_held, GatewayUnavailableException, true",
        "RESOURCE_EXHAUSTED, quota_exceeded, GatewayUnavailableException, true",
        "UNAVAILABLE, unavailable, GatewayUnavailableException, true",
        "DEADLINE_EXCEEDED, deadline_exceeded, GatewayUnavailableException, true",
        "INTERNAL, , GatewayUnavailableException, true",
        "CANCELLED, , GatewayUnavailableException, true",
    })
    void aStatusIsAnExceptionThatSaysWhatToDo(Status.Code code, String error, String expected, boolean isRetryable) {
        GatewayException exception = answered(code, error);

        assertEquals(expected, exception.getClass().getSimpleName());
        assertEquals(isRetryable, exception.isRetryable());
        assertEquals("why", exception.getMessage());
        assertEquals("why (gateway h:1)", exception.at("h:1").getMessage());
    }

    @Test
    void aHeldSubscriptionIsNoOutage() {
        assertEquals(Kind.HELD, ((GatewayUnavailableException) answered(Status.Code.RESOURCE_EXHAUSTED, "lease_held")).kind());
        assertEquals(Kind.AWAY, ((GatewayUnavailableException) answered(Status.Code.RESOURCE_EXHAUSTED, "quota")).kind());
    }

    @Test
    void tlsThatNeverFittedIsMisconfiguredAndTlsThatDidIsAnOutage() {
        Exception cause = new SSLHandshakeException("no path");

        assertInstanceOf(MisconfiguredException.class, unreachable(cause, false));
        assertInstanceOf(GatewayUnavailableException.class, unreachable(cause, true));
    }

    @Test
    void aConnectionThatTheOtherSideEndsBeforeItBeganNamesWhatItMayWant() {
        Exception cause = new ClosedChannelException();

        assertTrue(unreachable(cause, false).getMessage().contains("client certificate"));
        assertFalse(unreachable(cause, true).getMessage().contains("client certificate"));
    }

    @Test
    void aRefusedPortNamesItsRootCause() {
        GatewayException exception =
                unreachable(new IllegalStateException("outer", new ConnectException("Connection refused")), false);

        assertEquals(Kind.UNREACHABLE, ((GatewayUnavailableException) exception).kind());
        assertTrue(exception.getMessage().contains("Connection refused"));
    }
}
