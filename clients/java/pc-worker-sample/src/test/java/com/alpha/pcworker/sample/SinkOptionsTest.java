package com.alpha.pcworker.sample;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.alpha.pcworker.client.GatewaySettings.Tls;
import com.alpha.pcworker.client.Shard;
import com.alpha.pcworker.client.StartAt;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SinkOptionsTest {

    private static final String[] LEAST = {"--gateway", "h:1", "--database", "postgresql://db/name", "--domain", "recruit"};

    private static SinkOptions parse(String... more) {
        return SinkOptions.parse(Stream.concat(Stream.of(LEAST), Stream.of(more)).toArray(String[]::new));
    }

    @Test
    void theLeastIsPlainTextAndEndsAtTheLogsEnd() {
        SinkOptions options = parse();

        assertEquals("h:1", options.gateway().address());
        assertEquals(Optional.empty(), options.gateway().tls());
        assertEquals("recruit", options.subscription().domain());
        assertEquals("postgres-sink", options.subscription().name());
        assertFalse(options.subscription().follow());
        assertEquals(500, options.batchRows());
    }

    @Test
    void everyOptionCounts() {
        SinkOptions options = parse("--subscription", "mine", "--batch", "7", "--follow");

        assertEquals("mine", options.subscription().name());
        assertEquals(7, options.batchRows());
        assertTrue(options.subscription().follow());
    }

    @Test
    void tlsIsTheJdksTrustStoreOrAFileAndMayPresentACertificate() {
        assertEquals(Optional.of(Tls.trustingDefaults()), parse("--tls").gateway().tls());
        assertEquals(Optional.of(Tls.trusting(Path.of("ca.pem"))), parse("--ca", "ca.pem").gateway().tls());
        assertEquals(
                Optional.of(Tls.trusting(Path.of("ca")).presenting(Path.of("c"), Path.of("k"))),
                parse("--ca", "ca", "--cert", "c", "--key", "k", "--tls").gateway().tls());
        assertEquals(Optional.of("gateway"), parse("--authority", "gateway").gateway().transport().authority());
    }

    @Test
    void aTokensFileIsReadAtEachCall(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("token");
        Supplier<String> token = parse("--token-file", file.toString()).gateway().token().orElseThrow();

        Files.writeString(file, "first\n");
        assertEquals("first", token.get());
        Files.writeString(file, "second");
        assertEquals("second", token.get());
        Files.delete(file);
        assertThrows(UncheckedIOException.class, token::get);
    }

    @Test
    void aSinkMayCopyAPartAndStartElsewhere() {
        SinkOptions options = parse("--shard", "1/3", "--where", "size>=5", "--start", "2026-11-29T06:00:00Z");

        assertEquals(new Shard(1, 3), options.subscription().shard());
        assertEquals(List.of("size>=5"), options.subscription().where());
        assertEquals(Optional.of(StartAt.time(Instant.parse("2026-11-29T06:00:00Z"))), options.subscription().startAt());
    }

    @ParameterizedTest
    @ValueSource(strings = {"--shard 3/3", "--shard 1", "--shard 0/129", "--shard -1/2", "--cert c", "--key k", "--batch 0", "--batch x", "--batch", "--unknown 1", "stray", "--ca"})
    void whatIsWrongIsRefused(String arguments) {
        assertThrows(IllegalArgumentException.class, () -> parse(arguments.split(" ")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"secret", "postgresql:///secret", "mysql://u:secret@db/x", "postgresql://u:sec ret@db/x", "postgresql://u:secret^@db/x", ""})
    void aDatabaseThatIsNoUrlIsRefusedWithoutItsPassword(String url) {
        String[] arguments = {"--gateway", "h:1", "--database", url, "--domain", "d"};

        Exception refused = assertThrows(IllegalArgumentException.class, () -> SinkOptions.parse(arguments));

        assertTrue(refused.getMessage().startsWith("--database is not "), refused.getMessage());
        assertFalse(refused.getMessage().contains("ret"), refused.getMessage());
    }

    @ParameterizedTest
    @CsvSource({
        "postgresql://db/name, jdbc:postgresql://db:5432/name",
        "postgresql://u@db:6/name, jdbc:postgresql://db:6/name?user=u&password=",
        "postgresql://u:p%40%26@db/name?sslmode=require, jdbc:postgresql://db:5432/name?user=u&password=p%40%26&sslmode=require",
        "jdbc:postgresql://db/name?user=u, jdbc:postgresql://db/name?user=u"
    })
    void aDatabasesUrlBecomesJdbcs(String url, String jdbc) {
        SinkOptions options = SinkOptions.parse(new String[] {"--gateway", "h:1", "--database", url, "--domain", "d"});

        assertEquals(jdbc, options.jdbcUrl());
    }
}
