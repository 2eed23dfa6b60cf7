import java.math.BigInteger;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.Signature;
import java.security.SignatureException;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.security.spec.EdECPoint;
import java.security.spec.EdECPublicKeySpec;
import java.security.spec.NamedParameterSpec;
import java.security.spec.RSAPublicKeySpec;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A backend in Java verifies tokens with the key set as it is published and what the JDK brings, which knows all three
 * algorithms since 15.
 *
 * usage: java JwksVerifier.java JWKS_URL ISSUER TOKEN...
 */
class JwksVerifier {
    /** A flat object, which is all that keys, headers and these claims are made of; numbers are of no interest here. */
    private static final Pattern OBJECT = Pattern.compile("\\{[^{}]*\\}");
    private static final Pattern MEMBER = Pattern.compile("\"([^\"\\\\]*)\"\\s*:\\s*\"([^\"\\\\]*)\"");

    public static void main(String[] arguments) throws Exception {
        String url = arguments[0];
        String issuer = arguments[1];
        HttpRequest request = HttpRequest.newBuilder(URI.create(url)).build();
        String published = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body();
        Map<String, Map<String, String>> keys = new HashMap<>();
        for (Matcher object = OBJECT.matcher(published); object.find(); ) {
            Map<String, String> key = members(object.group());
            keys.put(key.get("kid"), key);
        }
        for (String token : Arrays.asList(arguments).subList(2, arguments.length)) {
            String[] parts = token.split("\\.", -1);
            Map<String, String> header = members(text(parts[0]));
            Map<String, String> claims = members(text(parts[1]));
            Map<String, String> key = keys.get(header.get("kid"));
            if (parts.length != 3 || key == null || !key.get("alg").equals(header.get("alg"))) {
                throw new GeneralSecurityException("no key of this set fits " + header);
            }
            if (!issuer.equals(claims.get("iss")) || !issuer.equals(claims.get("aud"))) {
                throw new GeneralSecurityException("somebody else's: " + claims);
            }
            if (!isSigned(parts, parts[1], key)) {
                throw new SignatureException("a good token was refused");
            }
            // The same signature under another claim set, and another one under the same.
            byte[] foreign = text(parts[1]).replace("\"sub\"", "\"bus\"").getBytes(StandardCharsets.UTF_8);
            String payload = Base64.getUrlEncoder().withoutPadding().encodeToString(foreign);
            String signature = parts[2].substring(0, parts[2].length() - 4) + "AAAA";
            if (isSigned(parts, payload, key) || isSigned(new String[] {parts[0], parts[1], signature}, parts[1], key)) {
                throw new SignatureException("a tampered token was accepted");
            }
            System.out.println(header.get("alg") + " " + claims.get("sub"));
        }
    }

    private static boolean isSigned(String[] parts, String payload, Map<String, String> key)
            throws GeneralSecurityException {
        Signature verifier = switch (key.get("alg")) {
            case "EdDSA" -> Signature.getInstance("Ed25519");
            case "ES256" -> Signature.getInstance("SHA256withECDSAinP1363Format");
            case "RS256" -> Signature.getInstance("SHA256withRSA");
            default -> throw new GeneralSecurityException("an unknown algorithm: " + key);
        };
        verifier.initVerify(publicKey(key));
        verifier.update((parts[0] + "." + payload).getBytes(StandardCharsets.US_ASCII));
        try {
            return verifier.verify(Base64.getUrlDecoder().decode(parts[2]));
        } catch (SignatureException malformed) {
            return false;
        }
    }

    /** The key of a JWK (RFC 7518 sections 6.2 and 6.3, RFC 8037 section 2). */
    private static PublicKey publicKey(Map<String, String> jwk) throws GeneralSecurityException {
        switch (jwk.get("kty") + " " + jwk.get("crv")) {
            case "OKP Ed25519":
                // Little-endian, with the sign of x in the top bit (RFC 8032 section 5.1.2).
                byte[] point = Base64.getUrlDecoder().decode(jwk.get("x"));
                for (int i = 0; i < point.length / 2; i++) {
                    byte swapped = point[i];
                    point[i] = point[point.length - 1 - i];
                    point[point.length - 1 - i] = swapped;
                }
                boolean isOdd = (point[0] & 0x80) != 0;
                point[0] &= 0x7f;
                EdECPoint y = new EdECPoint(isOdd, new BigInteger(1, point));
                return KeyFactory.getInstance("Ed25519")
                        .generatePublic(new EdECPublicKeySpec(NamedParameterSpec.ED25519, y));
            case "EC P-256":
                AlgorithmParameters curve = AlgorithmParameters.getInstance("EC");
                curve.init(new ECGenParameterSpec("secp256r1"));
                ECPoint q = new ECPoint(number(jwk.get("x")), number(jwk.get("y")));
                return KeyFactory.getInstance("EC")
                        .generatePublic(new ECPublicKeySpec(q, curve.getParameterSpec(ECParameterSpec.class)));
            case "RSA null":
                return KeyFactory.getInstance("RSA")
                        .generatePublic(new RSAPublicKeySpec(number(jwk.get("n")), number(jwk.get("e"))));
            default:
                throw new GeneralSecurityException("an unknown kind of key: " + jwk);
        }
    }

    private static Map<String, String> members(String object) {
        Map<String, String> members = new HashMap<>();
        for (Matcher member = MEMBER.matcher(object); member.find(); ) {
            members.put(member.group(1), member.group(2));
        }
        return members;
    }

    private static String text(String part) {
        return new String(Base64.getUrlDecoder().decode(part), StandardCharsets.UTF_8);
    }

    private static BigInteger number(String member) {
        return new BigInteger(1, Base64.getUrlDecoder().decode(member));
    }
}
