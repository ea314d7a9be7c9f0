// One call through the gateway as its expressions see it: state arrives as updates, results leave as typed values.
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using Newtonsoft.Json.Linq;

namespace Gateway
{
    internal class Call
    {
        private readonly string name;
        private readonly IProxyRequestContext context = new IProxyRequestContext();
        private readonly Dictionary<long, IMessageBody> bodies = new Dictionary<long, IMessageBody>();
        private JArray consumed = new JArray();
        private int current;
        private int evaluated;

        internal Call(string name) { this.name = name; }

        internal void Run(JObject message, JObject answer)
        {
            var results = new JArray();
            var watch = Stopwatch.StartNew();
            evaluated = 0;
            try
            {
                var program = message["program"] as JArray;
                if (program != null) answer["taken"] = Execute(program);
                else
                    foreach (var number in (JArray)message["run"]) results.Add(Values.ToJson(Evaluate((int)number)));
            }
            catch (Exception failure) { answer["error"] = Describe(failure); answer["at"] = current; }
            answer["us"] = watch.ElapsedTicks * 1000000 / Stopwatch.Frequency;
            answer["evaluated"] = evaluated;
            answer["values"] = results;
            if (consumed.Count > 0) { answer["consumed"] = consumed; consumed = new JArray(); }
            if (context.traces.Count > 0) { answer["traces"] = new JArray(context.traces); context.traces.Clear(); }
        }

        private object Evaluate(int number)
        {
            current = number;
            evaluated++;
            return Host.expressions[number](context);
        }

        // Runs the steps of a program; the answer is the branch of its last choose that the gateway has to run, or -1.
        private int Execute(JArray program)
        {
            foreach (JArray step in program)
            {
                switch ((string)step[0])
                {
                    case "set": context.variables[(string)step[1]] = Evaluate((int)step[2]); break;
                    case "literal": context.variables[(string)step[1]] = (string)step[2]; break;
                    default:
                        var branches = (JArray)step[1];
                        for (var place = 0; place < branches.Count; place++)
                        {
                            var condition = branches[place][0];
                            var holds = condition.Type == JTokenType.Boolean ? (bool)condition : (bool)Evaluate((int)condition);
                            if (!holds) continue;
                            var steps = branches[place][1] as JArray;
                            if (steps == null) return place;
                            Execute(steps);
                            break;
                        }
                        break;
                }
            }
            return -1;
        }

        internal static JObject Describe(Exception failure)
        {
            return new JObject { { "type", failure.GetType().Name }, { "message", failure.Message } };
        }

        internal void Update(JObject state)
        {
            if (state == null) return;
            foreach (var change in state.Properties())
            {
                var value = change.Value as JObject;
                switch (change.Name)
                {
                    case "start": Start(value); break;
                    case "request": context.Request = Request(value); break;
                    case "response": context.Response = value == null ? null : Response(value, "response"); break;
                    case "lastError": context.LastError = value == null ? null : value.ToObject<ILastError>(); break;
                    case "backend": context.Backend = value == null ? null : value.ToObject<IBackend>(); break;
                    case "variables":
                        foreach (var variable in value.Properties()) Set(variable.Name, (JObject)variable.Value);
                        break;
                }
            }
        }

        private void Set(string variable, JObject value)
        {
            if ((string)value["t"] == "IResponse") context.variables[variable] = Response((JObject)value["v"], null);
            else context.variables[variable] = Values.FromJson(value);
        }

        private void Start(JObject state)
        {
            context.RequestId = Guid.Parse((string)state["requestId"]);
            context.Timestamp = DateTime.UtcNow;
            var api = (JObject)state["api"];
            context.Api = new IApi
            {
                Id = (string)api["id"], Name = (string)api["name"], Path = (string)api["path"], Revision = "1",
                IsCurrentRevision = true, ServiceUrl = Url((string)api["serviceUrl"]),
            };
            context.Operation = state["operation"].ToObject<IOperation>();
            context.Deployment = state["deployment"].ToObject<IDeployment>();
            context.Product = state["product"] is JObject ? state["product"].ToObject<IProduct>() : null;
            context.Subscription = state["subscription"] is JObject ? state["subscription"].ToObject<ISubscription>() : null;
            context.User = state["user"] is JObject ? state["user"].ToObject<IUser>() : null;
        }

        private IRequest Request(JObject state)
        {
            return new IRequest
            {
                Body = Body(state, "request"), Headers = Headers((JObject)state["headers"]),
                IpAddress = (string)state["ipAddress"], Method = (string)state["method"],
                MatchedParameters = state["matched"].ToObject<Dictionary<string, string>>(),
                OriginalUrl = Url((string)state["originalUrl"]), Url = Url((string)state["url"]),
            };
        }

        private IResponse Response(JObject state, string body)
        {
            return new IResponse
            {
                Body = body == null ? Fixed((string)state["content"]) : Body(state, body), Headers = Headers((JObject)state["headers"]),
                StatusCode = (int)state["status"], StatusReason = (string)state["reason"],
            };
        }

        private IMessageBody Body(JObject state, string what)
        {
            var version = (long)state["body"];
            if (version == 0) return null;
            IMessageBody known;
            if (!bodies.TryGetValue(version, out known))
                known = bodies[version] = new IMessageBody(() => Host.Fetch(name, what), () => consumed.Add(what));
            return known;
        }

        private static IMessageBody Fixed(string content)
        {
            return content == null ? null : new IMessageBody(() => Convert.FromBase64String(content), () => { });
        }

        private static IReadOnlyDictionary<string, string[]> Headers(JObject state)
        {
            var headers = new Dictionary<string, string[]>(StringComparer.OrdinalIgnoreCase);
            foreach (var header in state.Properties()) headers[header.Name] = header.Value.Select(value => (string)value).ToArray();
            return headers;
        }

        private static IUrl Url(string text)
        {
            var url = new Uri(text);
            var query = new Dictionary<string, string[]>(StringComparer.OrdinalIgnoreCase);
            var pairs = url.Query.TrimStart('?').Split(new[] { '&' }, StringSplitOptions.RemoveEmptyEntries)
                .Select(pair => pair.Split(new[] { '=' }, 2));
            foreach (var group in pairs.GroupBy(pair => Decode(pair[0]), StringComparer.OrdinalIgnoreCase))
                query[group.Key] = group.Select(pair => pair.Length > 1 ? Decode(pair[1]) : "").ToArray();
            return new IUrl
            {
                Scheme = url.Scheme, Host = url.Host, Port = url.Port, Path = url.AbsolutePath,
                Query = query, QueryString = url.Query,
            };
        }

        private static string Decode(string text) { return Uri.UnescapeDataString(text.Replace('+', ' ')); }
    }
}
