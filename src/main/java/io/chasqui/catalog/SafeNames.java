package io.chasqui.catalog;

import java.util.regex.Pattern;

/** Names from outside that become file names here. */
final class SafeNames {
    private static final Pattern NAME = Pattern.compile("[\\w.+-]{1,200}");

    private SafeNames() {}

    /** The name itself, if it can be nothing but a file name. */
    static String check(String name) {
        if (!NAME.matcher(name).matches() || name.equals(".") || name.equals("..")) {
            throw new CatalogException("'" + name + "' cannot be used as a file name.");
        }
        return name;
    }

    /** The path itself, if it stays below the folder it is put into. */
    static String checkPath(String path) {
        for (var name : path.split("/", -1)) {
            check(name);
        }
        return path;
    }

    /** Last name of a path. */
    static String last(String path) {
        return path.substring(path.lastIndexOf('/') + 1);
    }
}
