package io.chasqui.tokenizer;

import io.chasqui.loader.ModelFormatException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A tokenizer whose file holds the tokens in order of rank. */
final class TiktokenTokenizer {
    private static final int SPECIAL_TOKENS = 256;
    private static final int MAX_LINE = 1024;

    private final String file;
    private final byte[] content;

    private TiktokenTokenizer(String file, byte[] content) {
        this.file = file;
        this.content = content;
    }

    static BpeTokenizer read(String file, byte[] content) {
        return new TiktokenTokenizer(file, content).load();
    }

    private BpeTokenizer load() {
        var tokens = readTokens();
        int ordinary = tokens.size();
        var special = new HashMap<String, Integer>();
        for (var name : specialNames()) {
            special.put(name, tokens.size());
            tokens.add(name.getBytes(StandardCharsets.UTF_8));
        }
        var control = new BitSet();
        control.set(ordinary, tokens.size());
        var vocabulary = new Vocabulary(file, tokens.toArray(byte[][]::new), control, new BitSet());
        for (int b = 0; b < 256; b++) {
            if (vocabulary.byteToken(b) < 0) {
                throw new ModelFormatException(file + ": no token for the byte " + b);
            }
        }
        return new BpeTokenizer(
                vocabulary,
                new SpecialTokens(special),
                merges(vocabulary, ordinary),
                PreTokenizer.LLAMA_BPE,
                true,
                ordinary);
    }

    private List<byte[]> readTokens() {
        var tokens = new ArrayList<byte[]>();
        int at = 0;
        while (at < content.length) {
            int end = at;
            while (end < content.length && content[end] != '\n') {
                end++;
            }
            if (end > at) {
                tokens.add(readLine(at, end, tokens.size()));
            }
            at = end + 1;
        }
        if (tokens.isEmpty() || tokens.size() > TokenizerLoader.MAX_VOCABULARY) {
            throw new ModelFormatException(file + ": holds " + tokens.size() + " tokens");
        }
        return tokens;
    }

    private byte[] readLine(int from, int to, int rank) {
        if (to - from > MAX_LINE) {
            throw bad(rank, "is longer than " + MAX_LINE + " bytes");
        }
        int space = from;
        while (space < to && content[space] != ' ') {
            space++;
        }
        var rankText = new String(content, Math.min(space + 1, to), Math.max(0, to - space - 1));
        if (!rankText.strip().equals(Integer.toString(rank))) {
            throw bad(rank, "is not a token in base64 and the rank " + rank);
        }
        try {
            var token = Base64.getDecoder().decode(Arrays.copyOfRange(content, from, space));
            if (token.length > 0) {
                return token;
            }
        } catch (IllegalArgumentException e) {
            throw bad(rank, "is not base64: " + e.getMessage());
        }
        throw bad(rank, "is an empty token");
    }

    private ModelFormatException bad(int line, String reason) {
        return new ModelFormatException(file + ": line " + (line + 1) + " " + reason);
    }

    /** Every way to make a token of two others is a merge; its rank is the token. */
    private static MergeTable merges(Vocabulary vocabulary, int ordinary) {
        var left = new TokenBuffer(3 * ordinary);
        var right = new TokenBuffer(3 * ordinary);
        var merged = new TokenBuffer(3 * ordinary);
        for (int id = 0; id < ordinary; id++) {
            var token = vocabulary.bytes(id);
            long hash = 0;
            for (int split = 1; split < token.length; split++) {
                hash = vocabulary.hash(hash, token, split - 1, split);
                int leftId = vocabulary.find(token, 0, split, hash);
                int rightId = leftId < 0 ? -1 : vocabulary.find(token, split, token.length);
                if (rightId >= 0) {
                    left.add(leftId);
                    right.add(rightId);
                    merged.add(id);
                }
            }
        }
        var table = new MergeTable(merged.size());
        for (int i = 0; i < merged.size(); i++) {
            table.add(left.get(i), right.get(i), merged.get(i), merged.get(i));
        }
        return table;
    }

    /** Llama 3.1's special tokens in order of their ids. */
    private static List<String> specialNames() {
        var named =
                Map.of(
                        0, "begin_of_text",
                        1, "end_of_text",
                        4, "finetune_right_pad_id",
                        6, "start_header_id",
                        7, "end_header_id",
                        8, "eom_id",
                        9, "eot_id",
                        10, "python_tag");
        var names = new ArrayList<String>();
        int reserved = 0;
        for (int i = 0; i < SPECIAL_TOKENS; i++) {
            var name = named.get(i);
            names.add("<|" + (name != null ? name : "reserved_special_token_" + reserved++) + "|>");
        }
        return names;
    }
}
