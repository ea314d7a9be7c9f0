// Lists what each compiled expression really calls and names, read from the intermediate language.
using System;
using System.Collections.Generic;
using System.Linq;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace Gateway
{
    public static class Inspect
    {
        public static void Main(string[] arguments)
        {
            var assembly = AssemblyDefinition.ReadAssembly(arguments[0]);
            foreach (var type in assembly.MainModule.Types.Where(type => type.Name != "Table" && type.Name != "<Module>"))
                foreach (var use in Uses(type).Distinct())
                    Console.WriteLine(type.Name + "\t" + use);
            Console.WriteLine("end");
            Console.Out.Flush();
            System.Diagnostics.Process.GetCurrentProcess().Kill(); // an orderly exit of the runtime can take a minute
        }

        private static IEnumerable<string> Uses(TypeDefinition type)
        {
            foreach (var method in type.Methods.Where(method => method.HasBody))
            {
                foreach (var variable in method.Body.Variables)
                    foreach (var use in Named(variable.VariableType)) yield return use;
                foreach (var use in method.Body.Instructions.SelectMany(Used)) yield return use;
            }
            foreach (var nested in type.NestedTypes)
                foreach (var use in Uses(nested)) yield return use;
        }

        private static IEnumerable<string> Used(Instruction instruction)
        {
            var member = instruction.Operand as MemberReference;
            if (member == null) return new string[0];
            var reference = member as TypeReference;
            if (reference != null) return Named(reference);
            var generic = member as GenericInstanceMethod;
            var arguments = generic == null ? new string[0] : generic.GenericArguments.SelectMany(Named);
            return Declared(member).Concat(arguments);
        }

        private static IEnumerable<string> Declared(MemberReference member)
        {
            var owner = Bare(member.DeclaringType);
            return owner == null ? new string[0] : new[] { owner + "\t" + member.Name };
        }

        private static IEnumerable<string> Named(TypeReference type)
        {
            var generic = type as GenericInstanceType;
            var arguments = generic == null ? new string[0] : generic.GenericArguments.SelectMany(Named);
            var bare = Bare(type);
            return bare == null ? arguments : arguments.Concat(new[] { bare + "\t" });
        }

        private static string Bare(TypeReference type)
        {
            type = type.GetElementType();
            while (type is ArrayType || type is ByReferenceType) type = ((TypeSpecification)type).ElementType;
            if (type.IsGenericParameter || type.Scope == type.Module) return null;
            var name = type.FullName;
            return name.Contains("`") ? name.Substring(0, name.IndexOf('`')) : name;
        }
    }
}
