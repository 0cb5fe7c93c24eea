// Captured work.
#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "streams.h"

namespace emulator {

struct GraphNode {
    std::shared_ptr<const Command> command;
    std::vector<int> after; // indices of nodes, all lower than its own
};

struct Capture {
    std::shared_ptr<Stream> origin;
    std::thread::id thread;
    int mode = 0;
    bool invalid = false;
    std::vector<GraphNode> nodes;
    std::vector<std::weak_ptr<Stream>> streams;

    // Whether every stream's last work comes before the origin's end.
    bool is_joined() const;
};

struct Graph {
    std::vector<GraphNode> nodes;
};

struct ExecutableGraph {
    Device* device = nullptr;
    std::vector<GraphNode> nodes;

    // The nodes in an order that respects their dependencies, otherwise random.
    std::vector<int> order(Random& random, bool ordered) const;
};

} // namespace emulator
