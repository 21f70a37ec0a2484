package com.alpha.pcworker.sample;

import com.alpha.pcworker.client.Entry;
import com.alpha.pcworker.client.Gateway;
import com.alpha.pcworker.client.GatewayException;
import com.alpha.pcworker.client.GatewaySettings;
import com.alpha.pcworker.client.Row;
import com.alpha.pcworker.client.RowReader;
import com.alpha.pcworker.client.SavedState;
import com.alpha.pcworker.client.StreamSettings;
import java.io.BufferedOutputStream;
import java.io.PrintStream;

public final class PrintRows {
    public static void main(String[] args) throws InterruptedException {
        try (Gateway gateway = new Gateway(GatewaySettings.of(args[0]));
                RowReader reader = gateway.stream(StreamSettings.of(args[1]));
                PrintStream out = new PrintStream(new BufferedOutputStream(System.out))) {
            SavedState state = SavedState.inMemory();
            reader.open(state);
            int n = 0;
            for (Entry e = reader.read(); e != null; e = reader.read()) {
                n++;
                out.println(e.position() + " " + e.id() + " " + ((Row) e).vectors().get(0).length);
            }
            out.println(n);
        } catch (GatewayException e) {
            System.err.println("error: " + e.getMessage());
            System.exit(1);
        }
    }
}
