package com.alpha.pcworker.client;

import java.util.Objects;

/**
 * What to read over {@code StreamEmbedding}.
 *
 * @param domain the domain, exactly as the gateway names it
 * @param chunkRows rows a message at most, 1 to 1000
 */
public record StreamSettings(String domain, int chunkRows) {

    private static final int DEFAULT_CHUNK_ROWS = 300;

    /**
     * Check the values.
     *
     * @param domain the domain
     * @param chunkRows rows a message at most
     */
    public StreamSettings {
        Objects.requireNonNull(domain, "domain");
        if (chunkRows < 1 || chunkRows > 1000) {
            throw new IllegalArgumentException("chunkRows " + chunkRows + " is not within 1 to 1000");
        }
    }

    /**
     * This domain in chunks of 300 rows.
     *
     * @param domain the domain
     * @return the settings
     */
    public static StreamSettings of(String domain) {
        return new StreamSettings(domain, DEFAULT_CHUNK_ROWS);
    }

    /**
     * The same in chunks of at most this many rows.
     *
     * @param newChunkRows 1 to 1000
     * @return the settings
     */
    public StreamSettings withChunkRows(int newChunkRows) {
        return new StreamSettings(domain, newChunkRows);
    }
}
