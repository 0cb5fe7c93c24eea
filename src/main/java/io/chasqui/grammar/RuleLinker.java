package io.chasqui.grammar;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * Completes rules that are all defined: drops what can never be finished, finds how many stack
 * frames finishing takes, where a rule may end, and refuses recursion that reads nothing.
 */
final class RuleLinker {
    private static final int UNKNOWN = Integer.MAX_VALUE;

    private final CompileBudget budget;
    private final Map<Rule, Integer> offsets = new IdentityHashMap<>();
    private final List<Rule> rules = new ArrayList<>();
    private int states;

    /** Position, in {@link #rules}, of the rule of each state. */
    private int[] owner;

    private int[] height;
    private boolean[] ends;

    private RuleLinker(CompileBudget budget) {
        this.budget = budget;
    }

    /**
     * Links {@code root} and the rules it calls, unless they are linked already.
     *
     * @throws GrammarException if no string matches, or a rule may call itself before any byte
     */
    static void link(Rule root, CompileBudget budget) {
        if (root.isLinked()) {
            return;
        }
        var linker = new RuleLinker(budget);
        linker.collect(root);
        linker.findHeights();
        if (linker.heightAt(root, Rule.START) == UNKNOWN) {
            throw new GrammarException("nothing matches " + root.name());
        }
        linker.findEnds();
        linker.refuseLeftRecursion();
        linker.finish();
    }

    private void collect(Rule root) {
        add(root);
        for (int i = 0; i < rules.size(); i++) {
            var rule = rules.get(i);
            for (int s = 0; s < rule.states(); s++) {
                for (var call : rule.calls(s)) {
                    if (!call.callee().isLinked() && !offsets.containsKey(call.callee())) {
                        add(call.callee());
                    }
                }
            }
        }
        owner = new int[states];
        for (int i = 0; i < rules.size(); i++) {
            int offset = offsets.get(rules.get(i));
            Arrays.fill(owner, offset, offset + rules.get(i).states(), i);
        }
    }

    private void add(Rule rule) {
        offsets.put(rule, states);
        rules.add(rule);
        states += rule.states();
    }

    private int index(Rule rule, int state) {
        return offsets.get(rule) + state;
    }

    private int heightAt(Rule rule, int state) {
        return rule.isLinked() ? rule.height(state) : height[index(rule, state)];
    }

    private boolean endsAt(Rule rule, int state) {
        return rule.isLinked() ? rule.ends(state) : ends[index(rule, state)];
    }

    private interface Edge {
        void accept(int from, int to);
    }

    private void forEachByteEdge(Edge edge) {
        for (var rule : rules) {
            int offset = offsets.get(rule);
            for (int s = 0; s < rule.states(); s++) {
                int last = Rule.NONE;
                for (int c = 0; c < rule.classes(); c++) {
                    int to = rule.nextByClass(s, c);
                    if (to != Rule.NONE && to != last) {
                        edge.accept(offset + s, offset + to);
                    }
                    last = to;
                }
                budget.work(rule.classes());
            }
        }
    }

    /** Byte edges backwards: the sources of each state. */
    private int[][] sources() {
        int[] count = new int[states];
        forEachByteEdge((from, to) -> count[to]++);
        int[][] sources = new int[states][];
        for (int i = 0; i < states; i++) {
            sources[i] = new int[count[i]];
        }
        forEachByteEdge((from, to) -> sources[to][--count[to]] = from);
        return sources;
    }

    /** A call of one of the states, for whoever learns about its callee or its return. */
    private record CallSite(int from, Rule callee, int returnTo) {}

    private void findHeights() {
        height = new int[states];
        Arrays.fill(height, UNKNOWN);
        int[][] sources = sources();
        Map<Integer, List<CallSite>> waiting = callSites();
        var now = new IntList();
        var levels = new ArrayList<IntList>();
        levels.add(now);
        for (var rule : rules) {
            for (int s = 0; s < rule.states(); s++) {
                if (rule.accepts(s)) {
                    now.add(index(rule, s));
                }
            }
        }
        for (int level = 0; level < levels.size(); level++) {
            var queue = levels.get(level);
            while (!queue.isEmpty()) {
                int state = queue.removeLast();
                if (height[state] != UNKNOWN) {
                    continue;
                }
                height[state] = level;
                budget.work(1 + sources[state].length);
                for (int source : sources[state]) {
                    queue.add(source);
                }
                for (var site : waiting.getOrDefault(state, List.of())) {
                    settle(site, levels);
                }
            }
        }
    }

    private Map<Integer, List<CallSite>> callSites() {
        var sites = new HashMap<Integer, List<CallSite>>();
        for (var rule : rules) {
            for (int s = 0; s < rule.states(); s++) {
                for (var call : rule.calls(s)) {
                    var site =
                            new CallSite(
                                    index(rule, s), call.callee(), index(rule, call.returnTo()));
                    sites.computeIfAbsent(site.returnTo, k -> new ArrayList<>()).add(site);
                    if (!call.callee().isLinked()) {
                        sites.computeIfAbsent(
                                        index(call.callee(), Rule.START), k -> new ArrayList<>())
                                .add(site);
                    }
                }
            }
        }
        return sites;
    }

    private void settle(CallSite site, List<IntList> levels) {
        int callee = heightAt(site.callee, Rule.START);
        int after = height[site.returnTo];
        if (callee == UNKNOWN || after == UNKNOWN) {
            return;
        }
        int level = Math.max(after, callee + 1);
        while (levels.size() <= level) {
            levels.add(new IntList());
        }
        levels.get(level).add(site.from);
    }

    private void findEnds() {
        ends = new boolean[states];
        for (var rule : rules) {
            for (int s = 0; s < rule.states(); s++) {
                ends[index(rule, s)] = rule.accepts(s);
            }
        }
        boolean changed = true;
        while (changed) {
            changed = false;
            for (var rule : rules.reversed()) {
                if (!rule.hasCalls()) {
                    continue;
                }
                for (int s = rule.states() - 1; s >= 0; s--) {
                    int i = index(rule, s);
                    for (var call : rule.calls(s)) {
                        if (!ends[i]
                                && endsAt(call.callee(), Rule.START)
                                && ends[index(rule, call.returnTo())]) {
                            ends[i] = true;
                            changed = true;
                        }
                    }
                    budget.work(1 + rule.calls(s).size());
                }
            }
        }
    }

    /** Depth-first over the steps that read no byte; a cycle among them would never end. */
    private void refuseLeftRecursion() {
        byte[] colour = new byte[states];
        var path = new IntList();
        for (int root = 0; root < states; root++) {
            if (colour[root] == 0) {
                path.add(root);
            }
            while (!path.isEmpty()) {
                int state = path.get(path.size() - 1);
                if (colour[state] != 0) {
                    colour[state] = 2;
                    path.removeLast();
                    continue;
                }
                colour[state] = 1;
                for (int to : silentSteps(state)) {
                    if (colour[to] == 1) {
                        throw new GrammarException(
                                rules.get(owner[to]).name()
                                        + " may refer to itself before any character"
                                        + " (left recursion)");
                    }
                    if (colour[to] == 0) {
                        path.add(to);
                    }
                }
            }
        }
    }

    private int[] silentSteps(int state) {
        var rule = rules.get(owner[state]);
        int s = state - offsets.get(rule);
        var steps = new IntList();
        for (var call : rule.calls(s)) {
            if (!call.callee().isLinked()) {
                steps.add(index(call.callee(), Rule.START));
            }
            if (endsAt(call.callee(), Rule.START)) {
                steps.add(index(rule, call.returnTo()));
            }
        }
        budget.work(1 + steps.size());
        return steps.toArray();
    }

    private void finish() {
        for (var rule : rules) {
            int from = offsets.get(rule);
            int to = from + rule.states();
            boolean[] finishable = new boolean[rule.states()];
            for (int s = 0; s < finishable.length; s++) {
                finishable[s] = height[from + s] != UNKNOWN;
            }
            var live = new ArrayList<List<Rule.Call>>();
            for (int s = 0; s < (rule.hasCalls() ? rule.states() : 0); s++) {
                live.add(
                        rule.calls(s).stream()
                                .filter(c -> heightAt(c.callee(), Rule.START) != UNKNOWN)
                                .filter(c -> finishable[c.returnTo()])
                                .toList());
            }
            rule.link(
                    Arrays.copyOfRange(height, from, to),
                    Arrays.copyOfRange(ends, from, to),
                    finishable,
                    live);
        }
    }
}
