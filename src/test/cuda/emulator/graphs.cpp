#include "graphs.h"

namespace emulator {

bool Capture::is_joined() const {
    std::vector<bool> reached(nodes.size());
    std::vector<int> open = origin->capture_tail;
    while (!open.empty()) {
        int node = open.back();
        open.pop_back();
        if (reached[node]) continue;
        reached[node] = true;
        open.insert(open.end(), nodes[node].after.begin(), nodes[node].after.end());
    }
    for (const auto& each : streams) {
        std::shared_ptr<Stream> stream = each.lock();
        if (stream == nullptr || stream->capture.get() != this) continue;
        for (int node : stream->capture_tail) {
            if (!reached[node]) return false;
        }
    }
    return true;
}

std::vector<int> ExecutableGraph::order(Random& random, bool ordered) const {
    std::vector<int> result;
    std::vector<int> waits_for(nodes.size());
    std::vector<std::vector<int>> followers(nodes.size());
    std::vector<int> ready;
    for (int i = 0; i < int(nodes.size()); i++) {
        waits_for[i] = int(nodes[i].after.size());
        for (int before : nodes[i].after) followers[before].push_back(i);
    }
    for (int i = int(nodes.size()) - 1; i >= 0; i--) {
        if (waits_for[i] == 0) ready.push_back(i);
    }
    while (!ready.empty()) {
        size_t chosen = ordered ? ready.size() - 1 : random.below(unsigned(ready.size()));
        int node = ready[chosen];
        ready.erase(ready.begin() + long(chosen));
        result.push_back(node);
        for (int follower : followers[node]) {
            if (--waits_for[follower] == 0) ready.push_back(follower);
        }
    }
    return result;
}

} // namespace emulator
