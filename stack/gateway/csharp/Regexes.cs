// Tries regular expressions on text that was made to slow them down; each gets a second, then it is given up.
using System;
using System.Text;
using System.Text.RegularExpressions;

namespace Gateway
{
    public static class Regexes
    {
        public static void Main()
        {
            string line;
            while ((line = Console.In.ReadLine()) != null)
            {
                if (line == "") continue;
                var parts = Array.ConvertAll(line.Split('\t'), part => Encoding.UTF8.GetString(Convert.FromBase64String(part)));
                Console.WriteLine(Try(parts[0], parts[1], parts[2], parts[3], int.Parse(parts[4])));
            }
            Console.WriteLine("end");
            Console.Out.Flush();
            System.Diagnostics.Process.GetCurrentProcess().Kill(); // an orderly exit of the runtime can take a minute
        }

        private static string Try(string pattern, string before, string again, string after, int size)
        {
            var text = new StringBuilder(before);
            while (text.Length < size) text.Append(again);
            try
            {
                var tried = new Regex(pattern, RegexOptions.None, TimeSpan.FromSeconds(1));
                foreach (Match match in tried.Matches(text.Append(after).ToString())) { }
                return "fast";
            }
            catch (RegexMatchTimeoutException) { return "given up after a second"; }
            catch (ArgumentException refused) { return refused.Message.Replace('\n', ' '); }
        }
    }
}
