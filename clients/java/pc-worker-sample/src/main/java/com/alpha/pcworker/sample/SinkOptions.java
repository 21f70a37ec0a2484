package com.alpha.pcworker.sample;

import com.alpha.pcworker.client.GatewaySettings;
import com.alpha.pcworker.client.GatewaySettings.Tls;
import com.alpha.pcworker.client.StartAt;
import com.alpha.pcworker.client.SubscriptionSettings;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.StringJoiner;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the sample's command line says.
 *
 * @param jdbcUrl the PostgreSQL database to store in
 * @param batchRows rows of one transaction at most
 */
record SinkOptions(GatewaySettings gateway, SubscriptionSettings subscription, String jdbcUrl, int batchRows) {

    static final String USAGE =
            """
            usage: PostgresSink --gateway HOST:PORT --database postgresql://… --domain NAME
                                [--subscription NAME] [--batch ROWS] [--follow]
                                [--shard INDEX/COUNT] [--where FILTER] [--start beginning|now|POSITION|TIME]
                                [--tls] [--ca FILE] [--cert FILE --key FILE] [--authority NAME]
                                [--token-file FILE]
            --tls trusts the JDK's trust store, --ca a PEM file; --cert and --key are ours, where the gateway asks for them.
            --shard shares the rows among COUNT sinks, --where copies those that match, --start is for a sink without a position.
            The bearer token, where the gateway wants one, is read from --token-file at each call, or from PC_WORKER_TOKEN.""";

    private static final int POSTGRES_PORT = 5432;
    private static final Pattern SHARD = Pattern.compile("([0-9]{1,3})/([0-9]{1,3})");
    private static final Set<String> NAMES =
            Set.of("--gateway", "--database", "--domain", "--subscription", "--batch", "--follow", "--tls", "--ca", "--cert",
                    "--key", "--authority", "--token-file", "--shard", "--where", "--start");
    private static final Set<String> TLS = Set.of("--tls", "--ca", "--cert", "--key", "--authority");
    private static final Set<String> SCHEMES = Set.of("postgresql", "postgres");
    private static final Set<String> FLAGS = Set.of("--follow", "--tls");

    static SinkOptions parse(String[] arguments) {
        Map<String, String> values = values(List.of(arguments));
        GatewaySettings gateway = encrypted(GatewaySettings.of(required(values, "--gateway")), values);
        SubscriptionSettings subscription = part(
                SubscriptionSettings.of(
                        required(values, "--domain"), values.getOrDefault("--subscription", "postgres-sink")),
                values);
        return new SinkOptions(
                authorised(gateway, values),
                values.containsKey("--follow") ? subscription.following() : subscription,
                jdbcUrl(required(values, "--database")),
                positive("--batch", values.getOrDefault("--batch", "500")));
    }

    private static SubscriptionSettings part(SubscriptionSettings all, Map<String, String> values) {
        SubscriptionSettings settings = all;
        if (values.containsKey("--shard")) {
            Matcher shard = SHARD.matcher(values.get("--shard"));
            if (!shard.matches()) {
                throw new IllegalArgumentException("--shard " + values.get("--shard") + " is not INDEX/COUNT, such as 0/2");
            }
            settings = settings.shard(Integer.parseInt(shard.group(1)), Integer.parseInt(shard.group(2)));
        }
        settings = values.containsKey("--where") ? settings.where(values.get("--where")) : settings;
        return values.containsKey("--start") ? settings.startAt(new StartAt(values.get("--start"))) : settings;
    }

    private static Map<String, String> values(List<String> arguments) {
        Map<String, String> values = new HashMap<>();
        for (int i = 0; i < arguments.size(); i++) {
            String name = arguments.get(i);
            if (!NAMES.contains(name)) {
                throw new IllegalArgumentException("there is no option " + name);
            }
            boolean isFlag = FLAGS.contains(name);
            if (!isFlag && i + 1 == arguments.size()) {
                throw new IllegalArgumentException(name + " needs a value");
            }
            values.put(name, isFlag ? "" : arguments.get(++i));
        }
        return values;
    }

    private static GatewaySettings encrypted(GatewaySettings gateway, Map<String, String> values) {
        if (TLS.stream().noneMatch(values::containsKey)) {
            return gateway;
        }
        Tls tls = new Tls(file(values, "--ca"), file(values, "--cert"), file(values, "--key"));
        String authority = values.get("--authority");
        return authority == null ? gateway.withTls(tls) : gateway.withTls(tls).withAuthority(authority);
    }

    private static GatewaySettings authorised(GatewaySettings gateway, Map<String, String> values) {
        Optional<Path> file = file(values, "--token-file");
        if (file.isPresent()) {
            return gateway.withToken(() -> content(file.get()));
        }
        String token = System.getenv("PC_WORKER_TOKEN");
        return token == null ? gateway : gateway.withToken(token);
    }

    // A secret's file ends with a newline more often than not.
    private static String content(Path file) {
        try {
            return Files.readString(file).strip();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read the token's file " + file + ": " + e.getMessage(), e);
        }
    }

    private static Optional<Path> file(Map<String, String> values, String name) {
        return Optional.ofNullable(values.get(name)).map(Path::of);
    }

    private static int positive(String name, String value) {
        if (!value.matches("[1-9][0-9]{0,8}")) {
            throw new IllegalArgumentException("%s %s is not a positive number".formatted(name, value));
        }
        return Integer.parseInt(value);
    }

    private static String required(Map<String, String> values, String name) {
        if (!values.containsKey(name)) {
            throw new IllegalArgumentException(name + " is missing");
        }
        return values.get(name);
    }

    /** JDBC takes user and password as parameters, other clients before the host. */
    private static String jdbcUrl(String url) {
        if (url.startsWith("jdbc:")) {
            return url;
        }
        URI uri = databaseUri(url);
        StringJoiner parameters = new StringJoiner("&", "?", "").setEmptyValue("");
        if (uri.getUserInfo() != null) {
            String[] user = uri.getUserInfo().split(":", 2);
            parameters.add("user=" + encoded(user[0]));
            parameters.add("password=" + (user.length == 1 ? "" : encoded(user[1])));
        }
        if (uri.getRawQuery() != null) {
            parameters.add(uri.getRawQuery());
        }
        int port = uri.getPort() < 0 ? POSTGRES_PORT : uri.getPort();
        return "jdbc:postgresql://%s:%d%s%s".formatted(uri.getHost(), port, uri.getPath(), parameters);
    }

    // The URL has a password: no message repeats it.
    private static URI databaseUri(String url) {
        URI uri;
        try {
            uri = new URI(url);
        } catch (URISyntaxException e) {
            throw new IllegalArgumentException("--database is not a URL: " + e.getReason() + " at index " + e.getIndex());
        }
        if (uri.getHost() == null || !SCHEMES.contains(String.valueOf(uri.getScheme()))) {
            throw new IllegalArgumentException("--database is not postgresql://USER:PASSWORD@HOST:PORT/NAME");
        }
        return uri;
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }
}
