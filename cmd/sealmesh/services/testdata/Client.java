import java.net.CookieManager;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** The HTTP client of Java fills in the forms of people.py. Usage: java Client.java URL */
class Client {
    static final String SSN = "078-05-1120";
    static final HttpClient CLIENT = HttpClient.newBuilder().cookieHandler(new CookieManager())
            .followRedirects(HttpClient.Redirect.NORMAL).build();

    static HttpResponse<String> send(HttpRequest.Builder request) throws Exception {
        return CLIENT.send(request.build(), BodyHandlers.ofString());
    }

    static String encode(String s) {
        return URLEncoder.encode(s, StandardCharsets.UTF_8);
    }

    static HttpResponse<String> post(String url, Map<String, String> form) throws Exception {
        var body = form.entrySet().stream().map(e -> encode(e.getKey()) + "=" + encode(e.getValue())).collect(Collectors.joining("&"));
        return send(HttpRequest.newBuilder(URI.create(url)).header("Content-Type", "application/x-www-form-urlencoded")
                .POST(BodyPublishers.ofString(body)));
    }

    static HttpResponse<String> get(String url) throws Exception {
        return send(HttpRequest.newBuilder(URI.create(url)));
    }

    static String token(String url) throws Exception {
        var found = Pattern.compile("name=\"csrfmiddlewaretoken\" value=\"([^\"]*)\"").matcher(get(url).body());
        found.find();
        return found.group(1);
    }

    static void say(String what, HttpResponse<String> page) {
        System.out.printf("{\"client\": \"Java %s\", \"status\": %d, \"body\": %s}%n", what, page.statusCode(), page.body());
    }

    public static void main(String[] args) throws Exception {
        var url = args[0];
        var form = new java.util.LinkedHashMap<String, String>();
        form.put("csrfmiddlewaretoken", token(url + "/people/new"));
        form.put("name", "Java");
        form.put("ssn", SSN);
        form.put("note", "a & b+c=d; \r\n" + SSN + " \u00e9");
        say("form", get(post(url + "/people", form).uri() + ".json"));
        say("search", get(url + "/search?ssn=" + SSN));
        say("log-in", post(url + "/login", Map.of("csrfmiddlewaretoken", token(url + "/login"), "ssn", SSN)));
    }
}
