// inner = silu(gate) * up. A block row a token, a thread an element.
#include "plain.cuh"

extern "C" __global__ void gate_up_plain(const __grid_constant__ GateUpParams p) {
    const int t = blockIdx.y;
    const int i = thread_index();
    const int ffn = p.weights.rows / 2;
    if (t >= p.step.counts->tokens || i >= ffn) {
        return;
    }
    const float scale = norm_scale(p.in, t, p.norm_eps);
    const bf16* x = p.in.x + static_cast<long>(t) * p.in.hidden;
    const int row = i / 8 * 16 + i % 8;
    const float gate = scale * dot(p.weights, row, x);
    const float up = scale * dot(p.weights, row + 8, x);
    p.inner[static_cast<long>(t) * ffn + i] = __float2bfloat16(gate / (1 + expf(-gate)) * up);
}
KERNEL(gate_up_plain)
