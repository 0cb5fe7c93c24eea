// Streams: queues of commands, and the thread of each device that works them off.
#pragma once

#include <stdint.h>

#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "execution.h"

namespace emulator {

struct Capture;
struct Device;
struct Stream;

// Something a stream does. Immutable: a graph holds commands too and queues them at each launch.
struct Command {
    // What to do, on the device's thread; empty for a launch and for nothing.
    std::function<void()> run;
    std::shared_ptr<const KernelLaunch> launch;
};

// A command's place in a stream: done when the stream has completed as many.
struct Ticket {
    std::shared_ptr<Stream> stream;
    uint64_t number = 0;

    bool is_done() const;
};

struct QueuedCommand {
    std::shared_ptr<const Command> command;
    std::vector<Ticket> after;
    std::unique_ptr<Execution> execution; // once a launch has begun
    bool spoil = false;                   // write NaN over what it writes
};

struct Stream : std::enable_shared_from_this<Stream> {
    Device* device = nullptr;
    bool blocking = true; // waits for the default stream and is waited for by it
    int priority = 0;
    std::deque<QueuedCommand> queue;
    uint64_t enqueued = 0;
    uint64_t completed = 0;

    std::shared_ptr<Capture> capture;
    std::vector<int> capture_tail; // the nodes that the next one comes after

    Ticket tail() { return {shared_from_this(), enqueued}; }
};

struct Event {
    Ticket ticket; // stream null: never recorded
    bool timed = true;
    std::shared_ptr<double> milliseconds = std::make_shared<double>(0);

    std::shared_ptr<Capture> capture; // recorded in a capture
    std::vector<int> capture_nodes;
};

} // namespace emulator
