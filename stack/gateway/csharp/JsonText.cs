// JSON as the service's Newtonsoft.Json reads it: since version 13.0.1 no deeper than 64 levels
// (https://github.com/JamesNK/Newtonsoft.Json/releases/tag/13.0.1). Debian's is older and has no such limit.
using System;
using System.IO;
using Newtonsoft.Json;

namespace Gateway
{
    public static class JsonText
    {
        private const int Deepest = 64;

        public static Newtonsoft.Json.Linq.JObject JObject(string text) { return Read(text, Newtonsoft.Json.Linq.JObject.Load); }

        public static Newtonsoft.Json.Linq.JArray JArray(string text) { return Read(text, Newtonsoft.Json.Linq.JArray.Load); }

        public static Newtonsoft.Json.Linq.JToken JToken(string text) { return Read(text, Newtonsoft.Json.Linq.JToken.Load); }

        internal static void Limit()
        {
            JsonConvert.DefaultSettings = () => new JsonSerializerSettings { MaxDepth = Deepest };
        }

        private static T Read<T>(string text, Func<JsonReader, T> load)
        {
            var reader = new JsonTextReader(new StringReader(text)) { MaxDepth = Deepest };
            var value = load(reader);
            if (reader.Read() && reader.TokenType != JsonToken.Comment)
                throw new JsonReaderException("Additional text found in JSON string after parsing content.");
            return value;
        }
    }
}
