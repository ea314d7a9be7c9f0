// Evaluates compiled policy expressions: requests and answers are JSON lines on standard input and output.
using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Reflection;
using System.Text;
using System.Threading;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace Gateway
{
    public static class Host
    {
        private static readonly ConcurrentDictionary<string, Call> calls = new ConcurrentDictionary<string, Call>();
        private static readonly ConcurrentDictionary<long, Pending> awaited = new ConcurrentDictionary<long, Pending>();
        private static readonly object outLock = new object();
        private static Stream output;
        private static long lastNeed;
        internal static Func<IProxyRequestContext, object>[] expressions;

        private class Pending
        {
            public readonly ManualResetEventSlim Arrived = new ManualResetEventSlim();
            public byte[] Content;
            public string Failure;
        }

        public static void Main(string[] arguments)
        {
            System.Globalization.CultureInfo.DefaultThreadCurrentCulture = System.Globalization.CultureInfo.InvariantCulture;
            JsonText.Limit();
            output = Console.OpenStandardOutput();
            ThreadPool.SetMinThreads(1024, 16); // an expression that waits for a body holds its thread
            expressions = (Func<IProxyRequestContext, object>[])Assembly.LoadFrom(arguments[0])
                .GetType("Policies.Table").GetField("All").GetValue(null);
            Send(new JObject { { "ready", expressions.Length } });
            var input = new StreamReader(Console.OpenStandardInput(), new UTF8Encoding(false), false, 1 << 16);
            string line;
            while ((line = input.ReadLine()) != null) Receive(line);
            Process.GetCurrentProcess().Kill(); // an orderly exit of the runtime can take a minute
        }

        private static void Receive(string line)
        {
            var message = Parse(line);
            if (message["need"] != null) { Deliver(message); return; }
            if (message["end"] != null) { Call gone; calls.TryRemove((string)message["end"], out gone); return; }
            var name = (string)message["ctx"];
            ThreadPool.QueueUserWorkItem(_ => Evaluate(calls.GetOrAdd(name, key => new Call(key)), message));
        }

        internal static JObject Parse(string text)
        {
            // Dates stay text: what a client wrote must come out as it came in.
            return JObject.Load(new JsonTextReader(new StringReader(text)) { DateParseHandling = DateParseHandling.None });
        }

        private static void Deliver(JObject message)
        {
            Pending pending;
            if (!awaited.TryRemove((long)message["need"], out pending)) return;
            pending.Failure = (string)message["failure"];
            pending.Content = Convert.FromBase64String((string)message["data"] ?? "");
            pending.Arrived.Set();
        }

        internal static byte[] Fetch(string context, string what)
        {
            var need = Interlocked.Increment(ref lastNeed);
            var pending = awaited[need] = new Pending();
            Send(new JObject { { "need", need }, { "ctx", context }, { "what", what } });
            pending.Arrived.Wait();
            if (pending.Failure != null) throw new IOException(pending.Failure);
            return pending.Content;
        }

        private static void Evaluate(Call call, JObject message)
        {
            var answer = new JObject { { "id", message["id"] } };
            lock (call)
            {
                try { call.Update((JObject)message["up"]); call.Run(message, answer); }
                catch (Exception failure) { answer["error"] = Call.Describe(failure); }
            }
            Send(answer);
        }

        private static void Send(JObject message)
        {
            var line = Encoding.UTF8.GetBytes(message.ToString(Newtonsoft.Json.Formatting.None) + "\n");
            lock (outLock) { output.Write(line, 0, line.Length); output.Flush(); }
        }
    }
}
