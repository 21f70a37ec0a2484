package com.alpha.pcworker.client;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.alpha.backend.grpc.EmbeddingStreamServiceGrpc;
import com.alpha.pcworker.client.GatewayUnavailableException.Kind;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class RetryTest {

    private static final Duration LONG = Duration.ofMinutes(5);
    private static final Duration SHORT = Duration.ofMillis(20);
    // Held: a logger that is not could be collected with its level.
    private static final Logger LOG = Logger.getLogger("com.alpha.pcworker.client");

    private final Gateway gateway = new Gateway(GatewaySettings.of("127.0.0.1:1").withChannel(new AnsweringChannel()));
    private final Told told = new Told();

    @BeforeEach
    void doNotLog() {
        LOG.setLevel(Level.OFF);
    }

    @AfterEach
    void close() {
        LOG.setLevel(null);
        gateway.close();
    }

    private SubscriptionSettings settings(Duration patience) {
        return SubscriptionSettings.of("document", "sink").withPatience(patience).withListener(told);
    }

    private Retry retry(SubscriptionSettings settings) {
        return new Retry(gateway, settings, new Events(gateway, settings));
    }

    private static GatewayUnavailableException failure(Kind kind) {
        return new GatewayUnavailableException("it failed", null, kind);
    }

    /** Fail until there is no wait any more: time itself has to pass. */
    private static void exhaust(Retry retry) {
        assertThrows(GatewayUnavailableException.class, () -> {
            while (true) {
                retry.waitAfter(failure(Kind.AWAY));
            }
        });
    }

    @Test
    void aGatewayThatIsAwayIsTriedAgainAfterLongerWaitsEachReported() {
        Retry retry = retry(settings(LONG));

        for (int attempt = 1; attempt <= 4; attempt++) {
            long bound = 100L << (attempt - 1);
            long wait = retry.waitAfter(failure(Kind.AWAY)).toMillis();
            assertTrue(bound / 2 <= wait && wait <= bound, () -> wait + " is not between " + bound / 2 + " and " + bound);
            assertEquals(wait, told.waits.get(attempt - 1).toMillis());
        }
        assertEquals(List.of(1, 2, 3, 4), told.attempts);
    }

    @Test
    void noWaitIsLongerThanFiveSeconds() {
        Retry retry = retry(settings(LONG));
        for (int attempt = 0; attempt < 20; attempt++) {
            retry.waitAfter(failure(Kind.AWAY));
        }

        assertTrue(told.waits.stream().allMatch(wait -> wait.toMillis() <= 5_000));
        assertTrue(told.waits.get(19).toMillis() >= 2_500);
    }

    @Test
    void afterASuccessAttemptsAndWaitsBeginAgain() {
        Retry retry = retry(settings(LONG));
        for (int attempt = 0; attempt < 6; attempt++) {
            retry.waitAfter(failure(Kind.AWAY));
        }

        retry.succeeded();

        assertTrue(retry.waitAfter(failure(Kind.AWAY)).toMillis() <= 100);
        assertEquals(1, told.attempts.get(6));
    }

    @Test
    void withoutPatienceTheFirstFailureIsThrown() {
        GatewayUnavailableException failure = failure(Kind.AWAY);
        Retry retry = retry(settings(Duration.ZERO));

        assertSame(failure, assertThrows(GatewayUnavailableException.class, () -> retry.waitAfter(failure)));
        assertEquals(List.of(), told.attempts);
    }

    @Test
    void patienceIsOfOneOutageAndNotOfAll() {
        Retry retry = retry(settings(SHORT));
        exhaust(retry);

        retry.succeeded();

        assertDoesNotThrow(() -> retry.waitAfter(failure(Kind.AWAY)));
    }

    @Test
    void onceThePatienceIsOverEachFailureIsThrownUntilASuccess() {
        Retry retry = retry(settings(SHORT));
        exhaust(retry);

        assertThrows(GatewayUnavailableException.class, () -> retry.waitAfter(failure(Kind.AWAY)));
    }

    @Test
    void whatTimeDoesNotRepairIsThrownAtOnce() {
        Retry retry = retry(settings(LONG));

        for (GatewayException failure : List.of(
                new FencedException("taken over", null),
                new SubscriptionDroppedException("dropped", null),
                new ContractBrokenException("not the protocol"),
                new MisconfiguredException("no token", null))) {
            assertSame(failure, assertThrows(failure.getClass(), () -> retry.waitAfter(failure)));
        }
        assertEquals(List.of(), told.attempts);
    }

    @Test
    void anAddressThatWasNeverReachedIsNotTriedAgain() {
        Retry retry = retry(settings(LONG));

        assertThrows(GatewayUnavailableException.class, () -> retry.waitAfter(failure(Kind.UNREACHABLE)));
        assertEquals(List.of(), told.attempts);
    }

    @Test
    void aReaderThatMayStartBeforeItsGatewayTriesAgain() {
        Retry retry = retry(settings(LONG).awaitingGateway());

        assertDoesNotThrow(() -> retry.waitAfter(failure(Kind.UNREACHABLE)));
    }

    @Test
    void anAddressThatWasReachedOnceIsTriedAgain() {
        gateway.call(EmbeddingStreamServiceGrpc.getConsumeMethod(), new Metadata(), 1).close();
        Retry retry = retry(settings(LONG));

        assertDoesNotThrow(() -> retry.waitAfter(failure(Kind.UNREACHABLE)));
        assertEquals(List.of(1), told.attempts);
    }

    @Test
    void aStandbyWaitsWithoutLimitAndReportsItOnce() {
        Retry retry = retry(settings(Duration.ZERO).standingBy());

        for (int number = 0; number < 20; number++) {
            assertTrue(retry.waitAfter(failure(Kind.HELD)).toMillis() <= 5_000);
        }
        assertEquals(1, told.timesStandingBy);
        assertEquals(List.of(), told.attempts);
    }

    @Test
    void thatAnotherConsumerHoldsTheSubscriptionShowsThatTheGatewayWorks() {
        Retry retry = retry(settings(SHORT).standingBy());
        exhaust(retry);

        retry.waitAfter(failure(Kind.HELD));

        assertDoesNotThrow(() -> retry.waitAfter(failure(Kind.AWAY)));
    }

    @Test
    void aReaderThatTakesOverDoesNotStandBy() {
        Retry retry = retry(settings(Duration.ZERO));

        assertThrows(GatewayUnavailableException.class, () -> retry.waitAfter(failure(Kind.HELD)));
        assertEquals(0, told.timesStandingBy);
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void everyKindOfFailureIsPatientWithAGatewayThatWasThere(Kind kind) {
        gateway.call(EmbeddingStreamServiceGrpc.getConsumeMethod(), new Metadata(), 1).close();

        assertTrue(retry(settings(LONG)).waitAfter(failure(kind)).toMillis() >= 50);
    }

    /** What the listener was told. */
    private static final class Told implements ReaderListener {

        final List<Integer> attempts = new ArrayList<>();
        final List<Duration> waits = new ArrayList<>();
        int timesStandingBy;

        @Override
        public void retrying(Source source, int attempt, Duration wait, GatewayException cause) {
            attempts.add(attempt);
            waits.add(wait);
        }

        @Override
        public void standingBy(Source source) {
            timesStandingBy++;
        }
    }

    /** A connection on which every call is answered with headers at once. */
    private static final class AnsweringChannel extends Channel {

        @Override
        public <Q, R> ClientCall<Q, R> newCall(MethodDescriptor<Q, R> method, CallOptions options) {
            return new ClientCall<>() {
                @Override
                public void start(Listener<R> listener, Metadata headers) {
                    listener.onHeaders(new Metadata());
                }

                @Override
                public void request(int messages) {}

                @Override
                public void cancel(String message, Throwable cause) {}

                @Override
                public void halfClose() {}

                @Override
                public void sendMessage(Q message) {}
            };
        }

        @Override
        public String authority() {
            return "127.0.0.1:1";
        }
    }
}
