package io.chasqui.http;

/**
 * How the answer is sent.
 *
 * @param stream whether as server-sent events
 * @param includeUsage whether a stream ends with a usage chunk
 * @param continuousUsage whether every chunk carries the usage so far
 * @param obfuscation whether chunks are padded, so that their length says less about their text
 */
record StreamOptions(
        boolean stream, boolean includeUsage, boolean continuousUsage, boolean obfuscation) {

    static StreamOptions read(Fields body) {
        boolean stream = body.flag("stream", false);
        var options = body.object("stream_options");
        if (options == null) {
            return new StreamOptions(stream, false, false, false);
        }
        if (!stream) {
            throw ApiException.invalid(
                    "stream_options", "'stream_options' is only allowed with 'stream': true.");
        }
        var read =
                new StreamOptions(
                        true,
                        options.flag("include_usage", false),
                        options.flag("continuous_usage_stats", false),
                        options.flag("include_obfuscation", false));
        options.rejectUnknown();
        return read;
    }
}
