// The documented extension methods of policy expressions.
using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Newtonsoft.Json.Linq;

namespace Gateway
{
    public class Jwt
    {
        public string Algorithm { get; internal set; }
        public IEnumerable<string> Audiences { get; internal set; }
        public IReadOnlyDictionary<string, string[]> Claims { get; internal set; }
        public DateTime? ExpirationTime { get; internal set; }
        public string Id { get; internal set; }
        public string Issuer { get; internal set; }
        public DateTime? IssuedAt { get; internal set; }
        public DateTime? NotBefore { get; internal set; }
        public string Subject { get; internal set; }
        public string Type { get; internal set; }

        internal static Jwt Decode(string token)
        {
            var parts = token.Split('.');
            if (parts.Length != 3) throw new FormatException("not a JWT");
            var head = Part(parts[0]);
            var claims = Part(parts[1]);
            var values = new Dictionary<string, string[]>(StringComparer.Ordinal);
            foreach (var claim in claims.Properties()) values[claim.Name] = Texts(claim.Value);
            return new Jwt
            {
                Algorithm = (string)head["alg"], Type = (string)head["typ"], Claims = values,
                Audiences = Texts(claims["aud"]), Id = (string)claims["jti"], Issuer = (string)claims["iss"],
                Subject = (string)claims["sub"], ExpirationTime = Moment(claims["exp"]),
                IssuedAt = Moment(claims["iat"]), NotBefore = Moment(claims["nbf"]),
            };
        }

        private static JObject Part(string text)
        {
            text = text.Replace('-', '+').Replace('_', '/');
            return JObject.Parse(Encoding.UTF8.GetString(Convert.FromBase64String(text.PadRight((text.Length + 3) / 4 * 4, '='))));
        }

        private static string[] Texts(JToken value)
        {
            if (value == null) return new string[0];
            var list = value as JArray;
            return list != null ? list.Select(item => item.ToString()).ToArray() : new[] { value.ToString() };
        }

        private static DateTime? Moment(JToken value)
        {
            return value == null ? (DateTime?)null : new DateTime(1970, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddSeconds((double)value);
        }
    }

    public class BasicAuthCredentials
    {
        public string Password { get; internal set; }
        public string UserId { get; internal set; }
    }

    public static class Extensions
    {
        public static string GetValueOrDefault(this IReadOnlyDictionary<string, string[]> values, string name, string defaultValue = "")
        {
            string[] found;
            return values.TryGetValue(name, out found) ? string.Join(",", found) : defaultValue;
        }

        public static string GetValueOrDefault(this IReadOnlyDictionary<string, string> values, string name, string defaultValue = "")
        {
            string found;
            return values.TryGetValue(name, out found) ? found : defaultValue;
        }

        public static T GetValueOrDefault<T>(this IReadOnlyDictionary<string, object> variables, string name, T defaultValue = default(T))
        {
            object found;
            return variables.TryGetValue(name, out found) && found != null ? (T)found : defaultValue;
        }

        public static Jwt AsJwt(this string text)
        {
            Jwt jwt;
            return TryParseJwt(text, out jwt) ? jwt : null;
        }

        public static bool TryParseJwt(this string text, out Jwt result)
        {
            result = null;
            if (string.IsNullOrEmpty(text)) return false;
            if (text.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase)) text = text.Substring(7);
            try { result = Jwt.Decode(text.Trim()); }
            catch (Exception) { return false; }
            return true;
        }

        public static BasicAuthCredentials AsBasic(this string text)
        {
            BasicAuthCredentials credentials;
            return TryParseBasic(text, out credentials) ? credentials : null;
        }

        public static bool TryParseBasic(this string text, out BasicAuthCredentials result)
        {
            result = null;
            if (text == null || !text.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase)) return false;
            try
            {
                var pair = Encoding.UTF8.GetString(Convert.FromBase64String(text.Substring(6).Trim())).Split(new[] { ':' }, 2);
                if (pair.Length != 2) return false;
                result = new BasicAuthCredentials { UserId = pair[0], Password = pair[1] };
                return true;
            }
            catch (FormatException) { return false; }
        }
    }
}
