package io.chasqui.grammar;

import java.util.Map;

/**
 * The values of {@code format} that are enforced. Each admits valid strings only, if not all of
 * them: host names of up to 247 characters, no IPv6 addresses in URIs, no leap seconds.
 */
final class Formats {
    private static final String MONTH_AND_DAY =
            "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
                    + "|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
                    + "|02-(0[1-9]|1[0-9]|2[0-8]))";
    private static final String LEAP_YEAR =
            "([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)";
    private static final String DATE = "([0-9]{4}-" + MONTH_AND_DAY + "|" + LEAP_YEAR + "-02-29)";
    private static final String HOUR_AND_MINUTE = "([01][0-9]|2[0-3]):[0-5][0-9]";
    private static final String TIME =
            HOUR_AND_MINUTE + ":[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]" + HOUR_AND_MINUTE + ")";

    private static final String COUNT = "[0-9]{1,9}";
    private static final String SECONDS = COUNT + "S";
    private static final String MINUTES = COUNT + "M(" + SECONDS + ")?";
    private static final String CLOCK =
            "T(" + SECONDS + "|" + MINUTES + "|" + COUNT + "H(" + MINUTES + ")?)";
    private static final String DAYS = COUNT + "D";
    private static final String MONTHS = COUNT + "M(" + DAYS + ")?";
    private static final String DURATION =
            "P(" + COUNT + "W|" + CLOCK + "|(" + DAYS + "|" + MONTHS + "|" + COUNT + "Y(" + MONTHS
                    + ")?)(" + CLOCK + ")?)";

    private static final String LONG_LABEL = "[A-Za-z0-9](-?[A-Za-z0-9]){0,30}";
    private static final String SHORT_LABEL = "[A-Za-z0-9](-?[A-Za-z0-9]){0,11}";
    private static final String HOSTNAME =
            "("
                    + LONG_LABEL
                    + "(\\."
                    + LONG_LABEL
                    + "){0,3}"
                    + "|"
                    + SHORT_LABEL
                    + "(\\."
                    + SHORT_LABEL
                    + "){0,9})";
    private static final String ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]";
    private static final String EMAIL =
            ATOM
                    + "{1,20}(\\."
                    + ATOM
                    + "{1,20}){0,2}@"
                    + LONG_LABEL
                    + "(\\."
                    + LONG_LABEL
                    + "){1,3}";

    private static final String OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
    private static final String IPV4 = OCTET + "(\\." + OCTET + "){3}";

    private static final String URI_CHARACTER = "([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})";
    private static final String URI =
            "[A-Za-z][A-Za-z0-9+.-]{0,30}:"
                    + "(//([A-Za-z0-9._~-]{1,40}@)?"
                    + HOSTNAME
                    + "(:[0-9]{1,5})?"
                    + "(/"
                    + URI_CHARACTER
                    + "*)*|"
                    + URI_CHARACTER
                    + "+(/"
                    + URI_CHARACTER
                    + "*)*)"
                    + "(\\?("
                    + URI_CHARACTER
                    + "|[/?])*)?(#("
                    + URI_CHARACTER
                    + "|[/?])*)?";

    private static final String POINTER = "(/([^~/]|~[01])*)*";

    private static final Map<String, String> SYNTAX =
            Map.ofEntries(
                    Map.entry("date", DATE),
                    Map.entry("time", TIME),
                    Map.entry("date-time", DATE + "T" + TIME),
                    Map.entry("duration", DURATION),
                    Map.entry("uuid", "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
                    Map.entry("hostname", HOSTNAME),
                    Map.entry("idn-hostname", HOSTNAME),
                    Map.entry("email", EMAIL),
                    Map.entry("idn-email", EMAIL),
                    Map.entry("ipv4", IPV4),
                    Map.entry("ipv6", ipv6()),
                    Map.entry("uri", URI),
                    Map.entry("iri", URI),
                    Map.entry("uri-reference", URI),
                    Map.entry("iri-reference", URI),
                    Map.entry("json-pointer", POINTER),
                    Map.entry("relative-json-pointer", "(0|[1-9][0-9]{0,8})(#|" + POINTER + ")"));

    private Formats() {}

    /** A regular expression for the format; null if it is not one that is enforced. */
    static String syntax(String format) {
        return SYNTAX.get(format);
    }

    /** Eight groups, or fewer with one gap; no IPv4 tail. */
    private static String ipv6() {
        var group = "[0-9a-fA-F]{1,4}";
        var forms = new StringBuilder("((" + group + ":){7}" + group);
        for (int before = 0; before <= 7; before++) {
            int after = 7 - before;
            forms.append('|');
            if (before > 0) {
                forms.append(group).append("(:").append(group).append("){").append(before - 1);
                forms.append('}');
            }
            forms.append("::");
            if (after > 0) {
                forms.append('(').append(group).append("(:").append(group).append("){0,");
                forms.append(after - 1).append("})?");
            }
        }
        return forms.append(')').toString();
    }
}
