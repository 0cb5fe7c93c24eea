package io.chasqui.http;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Members of a JSON object, kept as they are written: 1e400 and -0.0 go to the server as such, and
 * so do NaN and others that are no JSON.
 */
final class RequestMembers {
    private RequestMembers() {}

    /**
     * An object of some members and of others, which win and may take some away: {@code !name,}.
     */
    static String object(String members, String others) {
        var all = parse(members);
        var rest = others.strip();
        while (rest.startsWith("!")) {
            int comma = rest.indexOf(',');
            all.remove(rest.substring(1, comma < 0 ? rest.length() : comma));
            rest = comma < 0 ? "" : rest.substring(comma + 1).strip();
        }
        all.putAll(parse(rest));
        return all.entrySet().stream()
                .map(e -> "\"" + e.getKey() + "\":" + e.getValue())
                .collect(Collectors.joining(",", "{", "}"));
    }

    /** Values by name, cut out at the commas that are in no string, array or object. */
    private static Map<String, String> parse(String members) {
        var found = new LinkedHashMap<String, String>();
        int depth = 0;
        int begin = 0;
        boolean quoted = false;
        for (int i = 0; i < members.length(); i++) {
            char c = members.charAt(i);
            if (quoted) {
                i += c == '\\' ? 1 : 0;
                quoted = c != '"';
            } else if (c == '"') {
                quoted = true;
            } else if (c == '[' || c == '{') {
                depth++;
            } else if (c == ']' || c == '}') {
                depth--;
            } else if (c == ',' && depth == 0) {
                put(members.substring(begin, i), found);
                begin = i + 1;
            }
        }
        if (!members.isBlank()) {
            put(members.substring(begin), found);
        }
        return found;
    }

    private static void put(String member, Map<String, String> found) {
        int colon = member.indexOf("\":");
        found.put(member.substring(member.indexOf('"') + 1, colon), member.substring(colon + 2));
    }
}
