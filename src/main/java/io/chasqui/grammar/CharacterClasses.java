package io.chasqui.grammar;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Sets of characters that have a name in regular expressions. */
final class CharacterClasses {
    static final CharSet DIGIT = CharSet.range('0', '9');
    static final CharSet WORD = CharSet.ofRanges('a', 'z', 'A', 'Z', '0', '9', '_', '_');
    static final CharSet SPACE =
            CharSet.ofRanges(
                    '\t', '\r', ' ', ' ', 0xa0, 0xa0, 0x1680, 0x1680, 0x2000, 0x200a, 0x2028,
                    0x2029, 0x202f, 0x202f, 0x205f, 0x205f, 0x3000, 0x3000, 0xfeff, 0xfeff);
    static final CharSet DOT = CharSet.ofAll("\n\r\u2028\u2029").not();

    /** General categories in the order of the numbers that {@link Character#getType} gives. */
    private static final List<String> CODES =
            List.of(
                    "Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Me", "Mc", "Nd", "Nl", "No", "Zs",
                    "Zl", "Zp", "Cc", "Cf", "", "Co", "Cs", "Pd", "Ps", "Pe", "Pc", "Po", "Sm",
                    "Sc", "Sk", "So", "Pi", "Pf");

    private static final Map<String, String> LONG_NAMES =
            Map.ofEntries(
                    Map.entry("Letter", "L"),
                    Map.entry("Uppercase_Letter", "Lu"),
                    Map.entry("Lowercase_Letter", "Ll"),
                    Map.entry("Mark", "M"),
                    Map.entry("Number", "N"),
                    Map.entry("Decimal_Number", "Nd"),
                    Map.entry("digit", "Nd"),
                    Map.entry("Punctuation", "P"),
                    Map.entry("punct", "P"),
                    Map.entry("Symbol", "S"),
                    Map.entry("Separator", "Z"),
                    Map.entry("Space_Separator", "Zs"),
                    Map.entry("Other", "C"),
                    Map.entry("Control", "Cc"),
                    Map.entry("cntrl", "Cc"));

    private static final Map<String, CharSet> KNOWN = new ConcurrentHashMap<>();

    private CharacterClasses() {}

    /**
     * Characters of a general category ({@code Lu}, {@code L}, {@code Letter}); null if unknown.
     */
    static CharSet category(String name) {
        int equals = name.indexOf('=');
        var kind = equals < 0 ? "gc" : name.substring(0, equals);
        var value = name.substring(equals + 1);
        var code = LONG_NAMES.getOrDefault(value, value);
        boolean known =
                (kind.equals("gc") || kind.equals("General_Category"))
                        && !code.isEmpty()
                        && CODES.stream().anyMatch(c -> c.startsWith(code));
        return known ? KNOWN.computeIfAbsent(code, CharacterClasses::ofCategory) : null;
    }

    private static CharSet ofCategory(String code) {
        return CharSet.where(c -> CODES.get(Character.getType(c)).startsWith(code));
    }
}
