package io.chasqui.config;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Every setting of the server. {@code serve --max-model-len 4096}, the property {@code
 * chasqui.max-model-len=4096} (in the file given by {@code --config}) and the environment variable
 * {@code CHASQUI_MAX_MODEL_LEN=4096} are the same setting, the first winning over the environment
 * and the environment over the file. Names are vLLM's where it has one.
 */
@ConfigMapping(prefix = "chasqui")
public interface ChasquiConfig {

    /** Address to listen on. Any other than a loopback one needs API keys. */
    @WithDefault("127.0.0.1")
    String host();

    /** Port to listen on. */
    @WithDefault("8000")
    int port();

    /**
     * Names under which the model is served, the first as its id; by default the name it was asked
     * for by.
     */
    Optional<List<String>> servedModelName();

    /** Keys that clients may use, beside those of the key file. */
    Optional<List<String>> apiKey();

    /**
     * File of hashed API keys; by default {@code keys} in the Chasqui folder. See {@link KeyFile}.
     */
    Optional<Path> apiKeyFile();

    /** Whether an address that others can reach may be served without API keys. */
    @WithDefault("false")
    boolean allowAnonymous();

    /** Most tokens of one request, prompt and answer; by default what model and KV cache allow. */
    OptionalInt maxModelLen();

    /** Most sequences that are generated at once. */
    @WithDefault("64")
    int maxNumSeqs();

    /** Most tokens computed in one step; longer prompts are computed in chunks. */
    @WithDefault("512")
    int maxNumBatchedTokens();

    /**
     * Memory for the KV cache, on each GPU; by default a share of what the machine has free, or
     * what a GPU has left.
     */
    Optional<ByteSize> kvCacheMemory();

    /** Type of the KV cache's elements. */
    @WithDefault("auto")
    KvCacheType kvCacheDtype();

    /** Tokens in a block of the KV cache. */
    @WithDefault("16")
    int blockSize();

    /** Whether requests with equal beginnings share KV blocks. */
    @WithDefault("true")
    boolean enablePrefixCaching();

    /** Whether tokens that a grammar forces are computed together, unsampled. */
    @WithDefault("true")
    boolean enableJumpAhead();

    /** Requests that may wait; more are refused with status 429. */
    @WithDefault("512")
    int maxQueuedRequests();

    /** Prompt tokens that may wait; more are refused with status 429. */
    @WithDefault("1000000")
    int maxQueuedTokens();

    /** Longest wait for a request's first step; then it is refused with status 429. */
    @WithDefault("60s")
    Duration queueTimeout();

    /** Compute threads; by default one per physical core. */
    OptionalInt threads();

    /**
     * What computes: the cores of this machine, or NVIDIA GPUs. By default GPUs where CUDA can be
     * used, else the cores; a line in the log says why CUDA was not used.
     */
    @WithDefault("auto")
    BackendType backend();

    /** GPUs over which each matrix, the heads and the KV cache are divided: a power of two. */
    @WithDefault("1")
    int tensorParallelSize();

    /**
     * Ordinals of the GPUs, one for each rank; by default the first ones. One that is named twice
     * holds two ranks.
     */
    Optional<List<Integer>> devices();

    /**
     * Share of each GPU's memory that weights, activations and KV cache may take; the rest is for
     * the driver, the loaded kernels and the CUDA graphs.
     */
    @WithDefault("0.9")
    double gpuMemoryUtilization();

    /** Whether GPUs are given each launch by itself, and no steps recorded as CUDA graphs. */
    @WithDefault("false")
    boolean enforceEager();

    /** Widest vector in bits that the CPU kernels use; by default what the CPU has. */
    OptionalInt vectorBits();

    /** The chat format, e.g. {@code llama3.1} or {@code chatml}; by default the model's own. */
    Optional<String> chatFormat();

    /** Where weights come from: the model's files, or random numbers of the right shape. */
    @WithDefault("auto")
    LoadFormat loadFormat();

    /** With random weights, the architecture, e.g. {@code llama-3.2-1b}. */
    Optional<String> geometry();

    /** With random weights, how many of the architecture's layers; by default all. */
    OptionalInt layers();

    /** With random weights, their type, e.g. {@code q8_0}; by default what the backend likes. */
    Optional<String> dtype();

    /** Sampling of a request that says nothing: the model publisher's, or the OpenAI API's. */
    @WithDefault("model")
    GenerationConfig generationConfig();

    /** After SIGTERM, time in which new requests are still taken although readiness is false. */
    @WithDefault("0s")
    Duration shutdownDelay();

    /** After SIGTERM, time for running requests to finish, once the delay is over. */
    @WithDefault("20s")
    Duration shutdownTimeout();

    /** Types of the KV cache's elements. */
    enum KvCacheType {
        AUTO,
        F32,
        BF16
    }

    /** What computes. */
    enum BackendType {
        AUTO,
        CPU,
        CUDA
    }

    /** Where weights come from. */
    enum LoadFormat {
        AUTO,
        DUMMY
    }

    /** Whose sampling defaults. */
    enum GenerationConfig {
        MODEL,
        OPENAI
    }
}
