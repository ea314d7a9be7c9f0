// The documented `context` of policy expressions. The type names are those of the service, so that casts such as
// (IResponse)context.Variables["answer"] compile; what the documentation does not list does not exist here.
using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using System.Xml.Linq;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace Gateway
{
    public class IProxyRequestContext
    {
        public IApi Api { get; internal set; }
        public IBackend Backend { get; internal set; }
        public IDeployment Deployment { get; internal set; }
        public TimeSpan Elapsed { get { return DateTime.UtcNow - Timestamp; } }
        public ILastError LastError { get; internal set; }
        public IOperation Operation { get; internal set; }
        public IProduct Product { get; internal set; }
        public IRequest Request { get; internal set; }
        public Guid RequestId { get; internal set; }
        public IResponse Response { get; internal set; }
        public ISubscription Subscription { get; internal set; }
        public DateTime Timestamp { get; internal set; }
        public bool Tracing { get; internal set; }
        public IUser User { get; internal set; }
        public IReadOnlyDictionary<string, object> Variables { get { return variables; } }

        internal readonly Dictionary<string, object> variables = new Dictionary<string, object>();
        internal readonly List<string> traces = new List<string>();

        public void Trace(string message) { traces.Add(message); }
    }

    public class IApi
    {
        public string Id { get; set; }
        public bool IsCurrentRevision { get; set; }
        public string Name { get; set; }
        public string Path { get; set; }
        public string Revision { get; set; }
        public IUrl ServiceUrl { get; set; }
        public string Version { get; set; }
    }

    public class IBackend
    {
        public string Id { get; set; }
        public string Type { get; set; }
        public string AzureRegion { get; set; }
    }

    public class IDeployment
    {
        public IReadOnlyDictionary<string, System.Security.Cryptography.X509Certificates.X509Certificate2> Certificates
        {
            get { return new Dictionary<string, System.Security.Cryptography.X509Certificates.X509Certificate2>(); }
        }
        public IGateway Gateway { get; set; }
        public string GatewayId { get; set; }
        public string Region { get; set; }
        public string ServiceId { get; set; }
        public string ServiceName { get; set; }
    }

    public class IGateway
    {
        public string Id { get; set; }
        public string InstanceId { get; set; }
        public bool IsManaged { get; set; }
    }

    public class ILastError
    {
        public string Source { get; set; }
        public string Reason { get; set; }
        public string Message { get; set; }
        public string Scope { get; set; }
        public string Section { get; set; }
        public string Path { get; set; }
        public string PolicyId { get; set; }
    }

    public class IOperation
    {
        public string Id { get; set; }
        public string Method { get; set; }
        public string Name { get; set; }
        public string UrlTemplate { get; set; }
    }

    public class IProduct
    {
        public IEnumerable<IApi> Apis { get { return new IApi[0]; } }
        public bool ApprovalRequired { get; set; }
        public IEnumerable<IGroup> Groups { get { return new IGroup[0]; } }
        public string Id { get; set; }
        public string Name { get; set; }
        public string State { get; set; }
        public int? SubscriptionLimit { get; set; }
        public bool SubscriptionRequired { get; set; }
    }

    public class IGroup
    {
        public string Id { get; set; }
        public string Name { get; set; }
    }

    public class ISubscription
    {
        public DateTime CreatedDate { get; set; }
        public DateTime? EndDate { get; set; }
        public string Id { get; set; }
        public string Key { get; set; }
        public string Name { get; set; }
        public string PrimaryKey { get; set; }
        public string SecondaryKey { get; set; }
        public DateTime? StartDate { get; set; }
    }

    public class IUser
    {
        public string Email { get; set; }
        public string FirstName { get; set; }
        public IEnumerable<IGroup> Groups { get { return new IGroup[0]; } }
        public string Id { get; set; }
        public IEnumerable<IUserIdentity> Identities { get { return new IUserIdentity[0]; } }
        public string LastName { get; set; }
        public string Note { get; set; }
        public DateTime RegistrationDate { get; set; }
    }

    public class IUserIdentity
    {
        public string Id { get; set; }
        public string Provider { get; set; }
    }

    public class IPrivateEndpointConnection
    {
        public string Name { get; set; }
        public string GroupId { get; set; }
        public string MemberName { get; set; }
    }

    public class IRequest
    {
        public IMessageBody Body { get; internal set; }
        public IReadOnlyDictionary<string, string[]> Headers { get; internal set; }
        public string IpAddress { get; internal set; }
        public IReadOnlyDictionary<string, string> MatchedParameters { get; internal set; }
        public string Method { get; internal set; }
        public IUrl OriginalUrl { get; internal set; }
        public IUrl Url { get; internal set; }
        public IPrivateEndpointConnection PrivateEndpointConnection { get { return null; } }
    }

    public class IResponse
    {
        public IMessageBody Body { get; internal set; }
        public IReadOnlyDictionary<string, string[]> Headers { get; internal set; }
        public int StatusCode { get; internal set; }
        public string StatusReason { get; internal set; }
    }

    public class IUrl
    {
        public string Host { get; internal set; }
        public string Path { get; internal set; }
        public int Port { get; internal set; }
        public IReadOnlyDictionary<string, string[]> Query { get; internal set; }
        public string QueryString { get; internal set; }
        public string Scheme { get; internal set; }

        public override string ToString()
        {
            var standard = (Scheme == "https" && Port == 443) || (Scheme == "http" && Port == 80);
            return Scheme + "://" + Host + (standard ? "" : ":" + Port) + Path + QueryString;
        }
    }

    // A body is fetched from the gateway only when an expression asks for it: a stream nobody reads stays a stream.
    public class IMessageBody
    {
        private readonly Func<byte[]> fetch;
        private readonly Action consume;
        private byte[] content;
        private bool consumed;

        internal IMessageBody(Func<byte[]> fetch, Action consume)
        {
            this.fetch = fetch;
            this.consume = consume;
        }

        public T As<T>(bool preserveContent = false)
        {
            if (consumed)
                throw new InvalidOperationException("The message body was already read without preserveContent.");
            if (content == null)
                content = fetch();
            var bytes = content;
            if (!preserveContent)
            {
                consumed = true;
                content = null;
                consume();
            }
            return (T)Interpret(typeof(T), bytes);
        }

        private static object Interpret(Type type, byte[] bytes)
        {
            if (type == typeof(byte[])) return bytes;
            var text = Text(bytes);
            if (type == typeof(string)) return text;
            if (type == typeof(JObject)) return text == "" ? null : (object)JsonText.JObject(text);
            if (type == typeof(JArray)) return text == "" ? null : (object)JsonText.JArray(text);
            if (type == typeof(JToken)) return text == "" ? null : (object)JsonText.JToken(text);
            if (type == typeof(XElement) || type == typeof(XNode)) return XElement.Parse(text);
            if (type == typeof(XDocument)) return XDocument.Parse(text);
            throw new InvalidOperationException("A message body cannot be read as " + type.FullName + ".");
        }

        private static string Text(byte[] bytes)
        {
            var marked = bytes.Length > 2 && bytes[0] == 0xEF && bytes[1] == 0xBB && bytes[2] == 0xBF;
            return marked ? Encoding.UTF8.GetString(bytes, 3, bytes.Length - 3) : Encoding.UTF8.GetString(bytes);
        }
    }
}
