// Values that cross the pipe keep their C# type: {"t": type, "v": text}.
using System;
using System.Globalization;
using Newtonsoft.Json.Linq;

namespace Gateway
{
    internal static class Values
    {
        internal static JToken ToJson(object value)
        {
            if (value == null) return JValue.CreateNull();
            if (value is string) return Typed("String", (string)value);
            if (value is bool) return Typed("Boolean", (bool)value ? "true" : "false");
            if (value is byte[]) return Typed("Byte[]", Convert.ToBase64String((byte[])value));
            if (value is JToken) return Typed(value.GetType().Name, ((JToken)value).ToString(Newtonsoft.Json.Formatting.None));
            if (value is DateTime) return Typed("DateTime", ((DateTime)value).ToString("o", CultureInfo.InvariantCulture));
            if (value is IConvertible) return Typed(value.GetType().Name, Convert.ToString(value, CultureInfo.InvariantCulture));
            return Typed(value.GetType().Name, value.ToString());
        }

        internal static object FromJson(JObject value)
        {
            var text = (string)value["v"];
            if (text == null) return null;
            switch ((string)value["t"])
            {
                case "String": return text;
                case "Boolean": return text == "true";
                case "Int32": return int.Parse(text, CultureInfo.InvariantCulture);
                case "Int64": return long.Parse(text, CultureInfo.InvariantCulture);
                case "Double": return double.Parse(text, CultureInfo.InvariantCulture);
                case "Decimal": return decimal.Parse(text, CultureInfo.InvariantCulture);
                case "DateTime": return DateTime.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind);
                case "Byte[]": return Convert.FromBase64String(text);
                case "JObject": return JObject.Parse(text);
                case "JArray": return JArray.Parse(text);
                case "JValue": return JToken.Parse(text);
                case "Jwt": return Jwt.Decode(text);
                default: throw new NotSupportedException("A " + (string)value["t"] + " cannot be kept.");
            }
        }

        private static JObject Typed(string type, string value) { return new JObject { { "t", type }, { "v", value } }; }
    }
}
