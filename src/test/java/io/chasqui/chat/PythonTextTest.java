package io.chasqui.chat;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Expected texts are the output of Python 3. */
class PythonTextTest {

    @ParameterizedTest
    @CsvSource({
        "1.0, 1.0",
        "-1.5, -1.5",
        "0.0, 0.0",
        "-0.0, -0.0",
        "100000.0, 100000.0",
        "1e15, 1000000000000000.0",
        "1e16, 1e+16",
        "9007199254740993.0, 9007199254740992.0",
        "12345678901234567.0, 1.2345678901234568e+16",
        "0.0001, 0.0001",
        "0.00001, 1e-05",
        "0.000123, 0.000123",
        "-1.25e-7, -1.25e-07",
        "1e100, 1e+100",
        "1.7976931348623157e308, 1.7976931348623157e+308",
        "5e-324, 5e-324",
        "2e-323, 2e-323",
        "2.2250738585072014e-308, 2.2250738585072014e-308",
        "0.1, 0.1",
        "0.30000000000000004, 0.30000000000000004",
        "1e22, 1e+22",
        "1e23, 1e+23",
        "2e23, 2e+23",
        "1e999, Infinity",
    })
    void printsFloats(String json, String expected) throws IOException {
        assertEquals(expected, PythonText.json(new ObjectMapper().readTree(json)));
    }

    @Test
    void printsJsonOnOneLine() throws IOException {
        var json =
                """
                {"b":[1,true,null,{}],"a":{"x":[]},"n":-0,"big":123456789012345678901234567890,
                "s":"\\u0000\\u001f\\u007f\\/é😀\\u2028\\b\\f\\n\\r\\t\\"\\\\"}""";
        assertEquals(
                "{\"b\": [1, true, null, {}], \"a\": {\"x\": []}, \"n\": 0, \"big\":"
                        + " 123456789012345678901234567890, \"s\":"
                        + " \"\\u0000\\u001f\u007f/é😀\u2028\\b\\f\\n\\r\\t\\\"\\\\\"}",
                PythonText.json(new ObjectMapper().readTree(json)));
    }

    @Test
    void indentsJson() throws IOException {
        assertEquals(
                """
                {
                    "a": [
                        1,
                        {
                            "b": {}
                        },
                        []
                    ],
                    "c": "d"
                }""",
                PythonText.json(
                        new ObjectMapper().readTree("{\"a\":[1,{\"b\":{}},[]],\"c\":\"d\"}"), 4));
        assertEquals("{}", PythonText.json(new ObjectMapper().readTree("{}"), 4));
    }

    @Test
    void stripsWhatPythonStrips() {
        var space =
                "\t\n\u000b\f\r\u001c\u001d\u001e\u001f \u0085\u00a0\u1680\u2000\u200a\u2028\u2029"
                        + "\u202f\u205f\u3000";
        assertEquals("a b", PythonText.strip(space + "a b" + space));
        assertEquals("", PythonText.strip(space));
        assertEquals("\u200b\ufeff\u180e", PythonText.strip("\u200b\ufeff\u180e"));
    }
}
