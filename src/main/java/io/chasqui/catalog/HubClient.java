package io.chasqui.catalog;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.chasqui.catalog.HttpDownload.StatusException;
import io.chasqui.catalog.ModelSource.Hub;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** Fetches files of repositories on the Hugging Face hub. */
final class HubClient {
    static final String DEFAULT_ENDPOINT = "https://huggingface.co";

    private final String endpoint;
    private final String token;
    private final HttpDownload download;

    /**
     * @param endpoint where the hub is
     * @param token of an account that may read the repositories, or null
     */
    HubClient(String endpoint, String token, HttpDownload download) {
        this.endpoint = endpoint.replaceAll("/+$", "");
        this.token = token;
        this.download = download;
    }

    /** Fetches the file, or all that a model needs of the repository, into {@code folder}. */
    List<StoredFile> fetch(Hub source, Path folder, Expected expected) throws IOException {
        try {
            if (source.file() != null) {
                var name = SafeNames.last(source.file());
                return List.of(
                        fetchFile(source, source.file(), folder.resolve(name), name, expected));
            }
            return fetchRepository(source, folder);
        } catch (StatusException e) {
            throw new IOException(explain(source, e), e);
        }
    }

    /** All files are taken from the one commit that the revision is now. */
    private List<StoredFile> fetchRepository(Hub source, Path folder) throws IOException {
        var json = describe(source);
        var files = chooseFiles(source, listed(json));
        var pinned = new Hub(source.repository(), commit(json, source), null);
        var stored = new ArrayList<StoredFile>();
        for (var file : files) {
            var name = SafeNames.checkPath(file.path());
            stored.add(fetchFile(pinned, name, folder.resolve(name), name, file.expected()));
        }
        return stored;
    }

    private static String commit(JsonNode json, Hub source) {
        var commit = json.path("sha").textValue();
        return commit == null ? source.revision() : SafeNames.check(commit);
    }

    private StoredFile fetchFile(
            Hub source, String file, Path target, String storedPath, Expected expected)
            throws IOException {
        var uri =
                URI.create(
                        endpoint
                                + "/"
                                + source.repository()
                                + "/resolve/"
                                + source.revision()
                                + "/"
                                + file);
        var checksum = download.fetch(uri, token, target, expected);
        return new StoredFile(storedPath, Files.size(target), checksum);
    }

    /** A file of a repository. */
    private record Listed(String path, Expected expected) {}

    private JsonNode describe(Hub source) throws IOException {
        var uri =
                URI.create(
                        endpoint
                                + "/api/models/"
                                + source.repository()
                                + "/revision/"
                                + source.revision()
                                + "?blobs=true");
        try (var body = download.open(uri, token, 0, null).body()) {
            return new ObjectMapper().readTree(body);
        }
    }

    private static List<Listed> listed(JsonNode json) {
        var all = new ArrayList<Listed>();
        for (var file : json.path("siblings")) {
            var size = file.path("size").isIntegralNumber() ? file.get("size").longValue() : null;
            var sha256 = file.path("lfs").path("sha256").textValue();
            all.add(new Listed(file.path("rfilename").asText(), new Expected(sha256, size)));
        }
        return all;
    }

    private static List<Listed> chooseFiles(Hub source, List<Listed> all) throws IOException {
        var wanted = all.stream().filter(file -> RepositoryFiles.areNeeded(file.path())).toList();
        if (wanted.stream().anyMatch(file -> file.path().endsWith(".safetensors"))) {
            return wanted;
        }
        var ggufs = all.stream().filter(file -> file.path().endsWith(".gguf")).toList();
        if (ggufs.size() == 1) {
            return ggufs;
        }
        if (ggufs.isEmpty()) {
            throw new IOException("it has neither .safetensors nor .gguf files");
        }
        throw new IOException(
                "it has several models; name one of them, as in "
                        + source
                        + "/FILE: "
                        + ggufs.stream().map(Listed::path).collect(Collectors.joining(", ")));
    }

    private String explain(Hub source, StatusException e) {
        var page = endpoint + "/" + source.repository();
        boolean refused = e.status == 401 || e.status == 403;
        if (e.code.equals("RepoNotFound") || (e.status == 404 && e.code.isEmpty())) {
            return "there is no " + page + " (or it is private, and HF_TOKEN may not read it)";
        }
        if (refused && token == null) {
            return "it is gated: open "
                    + page
                    + ", accept the licence there, make a token at "
                    + endpoint
                    + "/settings/tokens and set HF_TOKEN to it";
        }
        if (refused) {
            return "the account of HF_TOKEN has no access: open "
                    + page
                    + " and accept the licence there (Meta grants it after a while), or check the token";
        }
        return switch (e.code) {
            case "EntryNotFound" -> page + " has no file " + source.file();
            case "RevisionNotFound" -> page + " has no revision " + source.revision();
            default -> e.getMessage() + " from " + page;
        };
    }
}
