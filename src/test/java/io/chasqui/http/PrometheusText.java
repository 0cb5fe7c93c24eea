package io.chasqui.http;

import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/** A strict reader of the Prometheus text format 0.0.4, as strict as Go's parser. */
final class PrometheusText {
    private static final String NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
    private static final String LABEL =
            "[a-zA-Z_][a-zA-Z0-9_]*=\"(?:[^\"\\\\\\n]|\\\\[\\\\\"n])*\"";
    private static final Pattern SAMPLE =
            Pattern.compile(
                    "("
                            + NAME
                            + ")(?:\\{((?:"
                            + LABEL
                            + ",?)*)\\})? "
                            + "(NaN|[+-]Inf|[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)(?: -?[0-9]+)?");
    private static final Pattern HELP =
            Pattern.compile("# HELP (" + NAME + ") ((?:[^\\\\\\n]|\\\\[\\\\n])*)");
    private static final Pattern TYPE =
            Pattern.compile("# TYPE (" + NAME + ") (counter|gauge|histogram|summary|untyped)");

    /** Value by name and labels. */
    final Map<String, Double> samples = new LinkedHashMap<>();

    /** Type by family. */
    final Map<String, String> types = new HashMap<>();

    private final Set<String> helps = new HashSet<>();
    private final Set<String> closed = new HashSet<>();
    private String family;

    static PrometheusText read(String page) {
        if (!page.endsWith("\n")) {
            throw new IllegalArgumentException("no line end at the end");
        }
        var text = new PrometheusText();
        page.lines().forEach(text::line);
        return text;
    }

    private void line(String line) {
        var help = HELP.matcher(line);
        var type = TYPE.matcher(line);
        var sample = SAMPLE.matcher(line);
        if (help.matches()) {
            enter(help.group(1));
            check(helps.add(family), line);
        } else if (type.matches()) {
            enter(type.group(1));
            check(types.put(family, type.group(2)) == null, line);
        } else if (sample.matches()) {
            enter(familyOf(sample.group(1)));
            var labels = sample.group(2) == null ? "" : sample.group(2).replaceAll(",$", "");
            check(!samples.containsKey(sample.group(1) + "{" + labels + "}"), line);
            samples.put(sample.group(1) + "{" + labels + "}", number(sample.group(3)));
        } else {
            throw new IllegalArgumentException(line);
        }
    }

    /** All lines of a family stand together. */
    private void enter(String name) {
        if (!name.equals(family)) {
            check(!closed.contains(name), name + " twice");
            closed.add(String.valueOf(family));
            family = name;
        }
    }

    private String familyOf(String sample) {
        for (var suffix : new String[] {"_bucket", "_sum", "_count"}) {
            if (sample.endsWith(suffix)) {
                var base = sample.substring(0, sample.length() - suffix.length());
                if (types.containsKey(base)) {
                    return base;
                }
            }
        }
        return sample;
    }

    private static double number(String text) {
        return switch (text) {
            case "+Inf" -> Double.POSITIVE_INFINITY;
            case "-Inf" -> Double.NEGATIVE_INFINITY;
            default -> Double.parseDouble(text);
        };
    }

    private static void check(boolean good, String line) {
        if (!good) {
            throw new IllegalArgumentException(line);
        }
    }
}
