package com.alpha.pcworker.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.UUID;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ShardTest {

    @ParameterizedTest
    @CsvSource({
        "018f3a5e-7c00-7abc-8def-0123456789ab, 2, 0",
        "018f3a5e-7c00-7abc-8def-0123456789ab, 3, 1",
        "018f3a5e-7c00-7abc-8def-0123456789ab, 7, 5",
        "018f3a5e-7c00-7abc-8def-0123456789ab, 128, 64",
        "ffffffff-ffff-ffff-ffff-ffffffffffff, 128, 20",
        "ffffffff-ffff-ffff-ffff-ffffffffffff, 1, 0"
    })
    void aRowBelongsToTheShardThatTheProtoSays(UUID row, int count, int index) {
        assertEquals(new Shard(index, count), Shard.of(row, count));
    }

    @ParameterizedTest
    @CsvSource({"-1, 2", "2, 2", "0, 0", "0, 129"})
    void aShardThatDoesNotExistIsRefused(int index, int count) {
        assertThrows(IllegalArgumentException.class, () -> new Shard(index, count));
    }
}
