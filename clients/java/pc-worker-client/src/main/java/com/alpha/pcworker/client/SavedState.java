package com.alpha.pcworker.client;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Where readers keep how far they are: a few strings, stored by the caller in the same transaction as the rows.
 *
 * <p>Spring Batch's {@code ExecutionContext} fits with two method references' worth of code; see the README.
 */
public interface SavedState {

    /**
     * The value last put under this key, if any.
     *
     * @param key a reader's key
     * @return the value
     */
    Optional<String> get(String key);

    /**
     * Keep this value under this key.
     *
     * @param key a reader's key
     * @param value a few characters
     */
    void put(String key, String value);

    /**
     * A state in memory, as long as this object exists.
     *
     * @return an empty state
     */
    static SavedState inMemory() {
        Map<String, String> values = new HashMap<>();
        return new SavedState() {
            @Override
            public Optional<String> get(String key) {
                return Optional.ofNullable(values.get(key));
            }

            @Override
            public void put(String key, String value) {
                values.put(key, value);
            }
        };
    }
}
