package io.chasqui.http;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * Request targets that some server, proxy or filter has at some time taken for the same as a given
 * path. Characters are bytes (ISO 8859-1).
 */
final class PathMutants {
    /** What has passed for a slash, or been dropped beside one. */
    private static final List<String> SLASHES =
            List.of(
                    "//",
                    "///",
                    "/./",
                    "/././",
                    "/x/../",
                    "/%2e/",
                    "/%2E/",
                    "/x/%2e%2e/",
                    "/.;/",
                    "/;/",
                    "/;x/",
                    "/;x=y/",
                    "/%3b/",
                    "/..;/x/",
                    "%2f",
                    "%2F",
                    "/%2f",
                    "%2f/",
                    "%252f",
                    "%25252f",
                    "%5c",
                    "%5C",
                    "/%5c",
                    "\\",
                    "/\\",
                    "\\/",
                    "%255c",
                    "%00/",
                    "/%00",
                    "/%20",
                    "%20/",
                    "/%09",
                    "/%0d%0a",
                    "/%7f",
                    "%c0%af",
                    "%e0%80%af",
                    "%f0%80%80%af",
                    "%u002f",
                    "%ef%bc%8f",
                    "%e2%88%95",
                    "\u00c0\u00af",
                    "/%2f%2e/",
                    "/~/",
                    "/$/",
                    "/*/",
                    "/..%2f",
                    "/%c0%ae/",
                    "/%e0%80%ae/",
                    "/\u00a0",
                    "/\u00ef\u00bb\u00bf");

    private static final List<String> SUFFIXES =
            List.of(
                    "/",
                    "//",
                    "/.",
                    "/./",
                    "/..",
                    "/../",
                    "/x/..",
                    "/%2e",
                    "/%2e%2e",
                    ".",
                    "..",
                    "%2e",
                    ";",
                    ";x",
                    ";x=y",
                    ";/livez",
                    ";x=/livez",
                    "/;",
                    "/;x",
                    "%3b",
                    "%3bx",
                    "%3B/livez",
                    "%20",
                    "+",
                    "%09",
                    "%0a",
                    "%0d%0a",
                    "%00",
                    "%00.html",
                    "%7f",
                    "%ff",
                    "%fe",
                    "?",
                    "?x",
                    "?x=/livez",
                    "?/livez",
                    "??",
                    "?#",
                    "%3f",
                    "%3F/livez",
                    "#",
                    "#/livez",
                    "%23",
                    "%23/livez",
                    "/livez",
                    "/../livez",
                    "/..;/livez",
                    "/../../livez",
                    "/%2e%2e/livez",
                    "/..%2flivez",
                    ".json",
                    ".html",
                    ".css",
                    ".js",
                    ".ico",
                    "~",
                    "*",
                    "%",
                    "%2",
                    "%zz",
                    "&",
                    "=",
                    ",",
                    ":",
                    "|",
                    "^",
                    "`",
                    "{}",
                    "[]",
                    "'",
                    "\"",
                    "<>",
                    "\u00ff",
                    "/favicon.ico",
                    "/index.html",
                    "//livez");

    private static final List<String> PREFIXES =
            List.of(
                    "/livez/..",
                    "/livez/../",
                    "/livez/..;",
                    "/livez/..;/",
                    "/livez/%2e%2e",
                    "/livez%2f..",
                    "/livez%2f%2e%2e",
                    "/livez%5c..",
                    "/livez\\..",
                    "/livez;/..",
                    "/livez;",
                    "/livez%3b/..",
                    "/livez%00",
                    "/livez%00/..",
                    "/livez?",
                    "/livez?/..",
                    "/livez#",
                    "/livez%3f",
                    "/livez%23",
                    "/livez/.",
                    "/livez/",
                    "/readyz/..",
                    "/health/../",
                    "/metrics/..",
                    "/./livez/..",
                    "//livez/..",
                    "/LIVEZ/..",
                    "/..",
                    "/../..",
                    "/.",
                    "/%2e%2e",
                    "/%2e%2e%2f",
                    "/%c0%ae%c0%ae",
                    "/q",
                    "/q/..",
                    "/v1",
                    "/v1/..",
                    "/api",
                    "/static/..",
                    "/assets/..",
                    "/index.html/..",
                    "*",
                    "localhost",
                    "@",
                    "x@localhost",
                    ":80",
                    "http:",
                    "http:/",
                    "http://localhost",
                    "HTTP://LOCALHOST",
                    "http://localhost:80",
                    "http://livez",
                    "http://livez/livez/..",
                    "http://livez@localhost",
                    "https://localhost",
                    "ws://localhost",
                    "file://",
                    "x://livez",
                    "//localhost",
                    "///localhost",
                    "http://localhost/livez/..",
                    "http://localhost//",
                    "http://localhost?",
                    "http://localhost#");

    private PathMutants() {}

    /**
     * All of them, the path itself not among them.
     *
     * @param path absolute, at least "/"
     */
    static Set<String> of(String path) {
        var all = new LinkedHashSet<String>();
        respell(path, all);
        SUFFIXES.forEach(suffix -> all.add(path + suffix));
        for (var prefix : PREFIXES) {
            all.add(prefix + path);
            all.add(prefix + path + "/livez");
        }
        for (int i = path.indexOf('/'); i >= 0; i = path.indexOf('/', i + 1)) {
            for (var slash : SLASHES) {
                all.add(path.substring(0, i) + slash + path.substring(i + 1));
            }
        }
        SLASHES.forEach(slash -> all.add(path.replace("/", slash)));
        all.add("/" + "/".repeat(2000) + path);
        all.add("/./".repeat(1000) + path.substring(1));
        all.add("/x/..".repeat(700) + path);
        all.add(path + "?" + "x".repeat(3000));
        all.add(path + ";" + "x".repeat(3000));
        all.remove(path);
        return all;
    }

    /** Case, and characters encoded once, twice, in other ways, one by one and all. */
    private static void respell(String path, Set<String> all) {
        all.add(path.toUpperCase(Locale.ROOT));
        all.add(encoded(path, "%%%02x"));
        all.add(encoded(path, "%%%02X"));
        all.add(encoded(path, "%%25%02x"));
        all.add(encoded(path, "%%u%04x"));
        all.add(encoded(path, "\\x%02x"));
        for (int i = 1; i < path.length(); i++) {
            var before = path.substring(0, i);
            var one = path.substring(i, i + 1);
            var after = path.substring(i + 1);
            all.add(before + one.toUpperCase(Locale.ROOT) + after);
            all.add(before + encoded(one, "%%%02x") + after);
            all.add(before + encoded(one, "%%25%02x") + after);
            all.add(before + overlong(one.charAt(0)) + after);
        }
    }

    private static String encoded(String text, String format) {
        var out = new StringBuilder();
        text.chars().forEach(c -> out.append(c == '/' ? "/" : format.formatted(c)));
        return out.toString();
    }

    /** Two bytes where one is enough, which UTF-8 forbids. */
    private static String overlong(char c) {
        return "%%%02x%%%02x".formatted(0xC0 | c >> 6, 0x80 | c & 0x3F);
    }
}
