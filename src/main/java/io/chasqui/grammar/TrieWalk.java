package io.chasqui.grammar;

/** Runs the automaton along all branches of a trie at once. */
final class TrieWalk {
    /** Told of every node that is reached, and of the configuration it leaves. */
    interface Visitor {
        void reached(int node, Configuration configuration);
    }

    private final TokenTrie trie;
    private final Configurations space;
    private final Configuration[] path;

    TrieWalk(TokenTrie trie, Configurations space) {
        this.trie = trie;
        this.space = space;
        this.path = new Configuration[trie.deepest() + 1];
    }

    void walk(Configuration start, Visitor visitor) {
        path[0] = start;
        int node = 0;
        int size = trie.size();
        while (node < size) {
            int depth = trie.depth(node);
            var next = space.step(path[depth - 1], trie.label(node));
            if (next == Configuration.DEAD) {
                node = trie.end(node);
            } else {
                path[depth] = next;
                visitor.reached(node, next);
                node++;
            }
        }
    }

    /** Sets the bits of all tokens that may follow. */
    void allow(Configuration start, long[] mask) {
        walk(start, (node, configuration) -> trie.addTokensAt(node, mask));
    }
}
